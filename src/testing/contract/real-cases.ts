import { contractCases, type Ask, type AskedTool, type Call, type Turn } from './cases.ts'
import type { Heard } from './client.ts'

/** One of the contract’s cases, as a real engine with a small model can show it: its words are not known beforehand. */
export interface RealCase {
  /** Of the contract’s case. */
  readonly id: string
  /** What is looked at. */
  readonly shows: string
  readonly ask: Ask
  /** Which of the engine’s models is asked; left out: `small`. */
  readonly model?: RealModel
  /** Whether the answer is as `shows` says; left out where none comes. */
  readonly holds?: (heard: Heard) => boolean
}

/** `tooled` is shown tools by its template, `thinker` told to think. */
export type RealModel = 'small' | 'tooled' | 'thinker'

/** Cases of the contract that no engine here can show. */
export const realSkips: Readonly<Record<string, string>> = {
  'parallel-tools': 'the small model makes one call at a time',
  image: 'the small model cannot see',
  refusal: 'no engine here tells a refusal apart from an answer',
  'empty-delta': 'what pieces there are is the engine’s own',
  'error-within': 'an engine that is well does not fail within its answer',
}

const user = (text: string): Turn => ({ by: 'user', text })
const says = (text: string): Turn => ({ by: 'assistant', text })

/** An object of these properties and no others. */
const closed = (properties: object): object => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
})

const weatherIn = (cities: readonly string[]): AskedTool => ({
  name: 'get_weather',
  description: 'The weather in a city',
  parameters: closed({ city: { enum: cities } }),
})
const weather = weatherIn(['Rome', 'Oslo', 'Bern', 'Paris'])
const question = (city: string): Turn => user(`What is the weather in ${city}?`)
const called = (city: string, result: string): Turn[] => {
  const call: Call = { id: `call_${city}`, name: 'get_weather', input: { city } }
  return [question(city), { by: 'assistant', calls: [call] }, { by: 'tools', results: [{ ...call, result }] }]
}
/** The small model does as it is shown. */
const shown = [
  ...called('Rome', 'sunny'),
  says('It is sunny.'),
  ...called('Oslo', 'snowy'),
  says('It is snowy.'),
  ...called('Bern', 'cloudy'),
  says('It is cloudy.'),
]

const hello: Ask = { turns: [user('Say hello.')], maxTokens: 8 }
const person = closed({
  name: { enum: ['Ada', 'Grace'] },
  age: { type: 'integer', minimum: 1, maximum: 99 },
})
/** Of one, two, three and four bytes, and joined ones. */
const greeting = 'Grüß Gott, 你好 👩‍👩‍👧 مرحبا'

/** An answer that keeps to its schema never ends by itself. */
export const endless: Ask = {
  turns: [user('Go on.')],
  maxTokens: 8000,
  schema: {
    $ref: '#/$defs/deeper',
    $defs: { deeper: closed({ a: { $ref: '#/$defs/deeper' } }) },
  },
}

const words = ({ text, finish }: Heard): boolean => text.trim() !== '' && ['stop', 'length'].includes(finish)
const oneCall = ({ calls, finish }: Heard): boolean =>
  Bun.deepEquals(calls, [{ name: 'get_weather', input: { city: 'Paris' } }]) && finish === 'tool-calls'
const isPerson = ({ text }: Heard): boolean => {
  const { name, age, ...more } = JSON.parse(text) as { name: string; age: number }
  return ['Ada', 'Grace'].includes(name) && age >= 1 && age <= 99 && Object.keys(more).length === 0
}

export const realCases: readonly RealCase[] = [
  {
    id: 'plain',
    shows: 'words come',
    ask: { ...hello, system: 'Be brief.' },
    holds: words,
  },
  {
    id: 'stream',
    shows: 'words come in pieces, which joined are the answer',
    ask: { ...hello, system: 'Be brief.' },
    holds: words,
  },
  {
    id: 'conversation',
    shows: 'the answer takes up what was said before',
    ask: {
      turns: [user('Rome'), says('The city of Rome.'), user('Oslo'), says('The city of Oslo.'), user('Bern')],
      maxTokens: 8,
    },
    holds: ({ text }) => text.startsWith('The city of'),
  },
  {
    id: 'tool',
    shows: 'after some examples the tool is called, with the city that was asked for',
    model: 'tooled',
    ask: { turns: [...shown, question('Paris')], tools: [weather], maxTokens: 64 },
    holds: oneCall,
  },
  {
    id: 'tool-choice',
    shows: 'the tool is called without an example, with arguments that its parameters allow',
    ask: {
      turns: [user('Say hello.')],
      tools: [weatherIn(['Paris'])],
      toolChoice: 'required',
      maxTokens: 64,
    },
    holds: oneCall,
  },
  {
    id: 'tool-results',
    shows: 'the answer takes up the result of the call',
    model: 'tooled',
    ask: { turns: [...shown, ...called('Paris', 'rain')], tools: [weather], maxTokens: 16 },
    holds: ({ text }) => text.includes('rain'),
  },
  {
    id: 'structured',
    shows: 'the answer is JSON of the shape',
    ask: { turns: [user('Ada, aged 36.')], schema: person, maxTokens: 64 },
    holds: isPerson,
  },
  {
    id: 'thinking',
    shows: 'thoughts are told apart from the answer',
    model: 'thinker',
    ask: { ...hello, effort: 'low' },
    holds: ({ reasoning }) => reasoning.trim() !== '',
  },
  {
    id: 'stop',
    shows: 'the answer ends before the stop sequence',
    ask: { turns: [user('Tell me about the sea.')], stop: 'e', maxTokens: 32 },
    holds: ({ text, finish }) => !text.includes('e') && finish === 'stop',
  },
  {
    id: 'length',
    shows: 'the answer ends at the limit, and says so',
    ask: { turns: [user('Tell me about the sea.')], maxTokens: 5 },
    holds: ({ usage, finish }) => usage?.output === 5 && finish === 'length',
  },
  {
    id: 'unicode-split',
    shows: 'characters that are several tokens each come whole',
    ask: {
      turns: [user('Greet me.')],
      schema: closed({ said: { enum: [greeting] } }),
      maxTokens: 80,
    },
    holds: ({ text }) => Bun.deepEquals(JSON.parse(text), { said: greeting }),
  },
  {
    id: 'usage',
    shows: 'the prompt is counted alike through every surface, and no more of it is cached than there is',
    ask: hello,
    holds: ({ usage }) =>
      usage !== undefined &&
      usage.output >= 1 &&
      usage.output <= 8 &&
      usage.input >= 5 &&
      usage.input <= 100 &&
      (usage.cached ?? 0) <= usage.input,
  },
  {
    id: 'error-before',
    shows:
      'a prompt that the engine’s context cannot hold, and a model that is not there, are errors of this dialect',
    ask: { turns: [user('word '.repeat(20_000))], maxTokens: 4 },
  },
  {
    id: 'abort',
    shows: 'clients hang up in endless answers, and the engine, with no place left, answers the next one',
    ask: endless,
  },
]

/** How a case of the contract is asked. */
export function formsOf(id: string): readonly ('stream' | 'whole')[] {
  const only = contractCases.find((each) => each.id === id)?.only
  return only === undefined ? ['stream', 'whole'] : [only]
}
