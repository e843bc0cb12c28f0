import type { FinishReason } from '../../core/event.ts'

/** What a client asks, in nobody's dialect. */
export interface Ask {
  readonly system?: string
  readonly turns: readonly Turn[]
  readonly tools?: readonly AskedTool[]
  readonly toolChoice?: 'required'
  /** The answer must be JSON of this shape. */
  readonly schema?: object
  readonly effort?: 'low'
  readonly stop?: string
  readonly maxTokens?: number
}

export type Turn =
  | { readonly by: 'user'; readonly text: string; readonly png?: string }
  | { readonly by: 'assistant'; readonly text?: string; readonly calls?: readonly Call[] }
  | { readonly by: 'tools'; readonly results: readonly (Call & { readonly result: string })[] }

export interface AskedTool {
  readonly name: string
  readonly description: string
  readonly parameters: object
}

export interface Call {
  readonly id: string
  readonly name: string
  /** The arguments. */
  readonly input: Readonly<Record<string, string>>
}

/** What the model says, piece by piece. */
export type Piece =
  | { readonly text: string }
  | { readonly reasoning: string }
  | { readonly refusal: string }
  | { readonly call: Call }

export interface Said {
  readonly pieces: readonly Piece[]
  readonly finish: FinishReason
  /** Tokens; `cached` is a part of `input`. */
  readonly usage: { readonly input: number; readonly cached: number; readonly output: number }
}

export interface ContractCase {
  readonly id: string
  /** A sentence that can be false: … */
  readonly about: string
  readonly ask: Ask
  readonly said: Said
  /** The upstream fails: with a status instead of an answer, or in the middle of its stream. */
  readonly fails?: 'before' | 'within'
  /** Only as a stream, or only whole. */
  readonly only?: 'stream' | 'whole'
  /** The upstream's bytes arrive so many at a time. */
  readonly splitEvery?: number
  /** The client hangs up after the first piece. */
  readonly leaves?: true
}

const weather: AskedTool = {
  name: 'get_weather',
  description: 'The weather in a city',
  parameters: {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false,
  },
}
const time: AskedTool = {
  name: 'get_time',
  description: 'The time in a city',
  parameters: weather.parameters,
}
const person = {
  type: 'object',
  properties: { name: { type: 'string' }, age: { type: 'integer' } },
  required: ['name', 'age'],
  additionalProperties: false,
}
const paris: Call = { id: 'call_paris', name: 'get_weather', input: { city: 'Paris' } }
const oslo: Call = { id: 'call_oslo', name: 'get_time', input: { city: 'Ośłø' } }
const usage = { input: 21, cached: 16, output: 5 }
const user = (text: string): Turn => ({ by: 'user', text })
const hello: Ask = { turns: [user('Say hello.')] }
const says = (...texts: string[]): Said => ({
  pieces: texts.map((text) => ({ text })),
  finish: 'stop',
  usage,
})
/** One red pixel. */
const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=='

/** What every surface does with every backend. */
export const contractCases: readonly ContractCase[] = [
  {
    id: 'plain',
    about: 'a question is answered; the system text reaches the model',
    ask: { ...hello, system: 'Be brief.' },
    said: says('Hello', ' there', '.'),
    only: 'whole',
  },
  {
    id: 'stream',
    about: 'a streamed answer arrives piece by piece',
    ask: { ...hello, system: 'Be brief.' },
    said: says('Hello', ' there', '.'),
    only: 'stream',
  },
  {
    id: 'conversation',
    about: 'earlier turns reach the model in their order',
    ask: {
      turns: [user('One?'), { by: 'assistant', text: 'Yes, one.' }, user('Two?')],
    },
    said: says('Two.'),
  },
  {
    id: 'tool',
    about: 'a tool is offered and called',
    ask: { turns: [user('The weather in Paris?')], tools: [weather, time] },
    said: { pieces: [{ call: paris }], finish: 'tool-calls', usage },
  },
  {
    id: 'tool-choice',
    about: 'a call can be demanded',
    ask: { turns: [user('The weather in Paris?')], tools: [weather], toolChoice: 'required' },
    said: { pieces: [{ call: paris }], finish: 'tool-calls', usage },
  },
  {
    id: 'parallel-tools',
    about: 'words and two calls come in one answer, in their order',
    ask: { turns: [user('Weather and time?')], tools: [weather, time] },
    said: {
      pieces: [{ text: 'Let me look.' }, { call: paris }, { call: oslo }],
      finish: 'tool-calls',
      usage,
    },
  },
  {
    id: 'tool-results',
    about: 'the results of two calls go back to the model, each with its call',
    ask: {
      turns: [
        user('Weather and time?'),
        { by: 'assistant', text: 'Let me look.', calls: [paris, oslo] },
        {
          by: 'tools',
          results: [
            { ...paris, result: 'sunny' },
            { ...oslo, result: 'noon' },
          ],
        },
      ],
      tools: [weather, time],
    },
    said: says('Sunny, at noon.'),
  },
  {
    id: 'image',
    about: 'an image reaches the model',
    ask: { turns: [{ by: 'user', text: 'Which colour?', png }] },
    said: says('Red.'),
  },
  {
    id: 'structured',
    about: 'the schema of a structured answer reaches the model',
    ask: { turns: [user('Ada, aged 36.')], schema: person },
    said: says('{"name":"Ada",', '"age":36}'),
  },
  {
    id: 'thinking',
    about: 'thoughts are told apart from the answer',
    ask: { ...hello, effort: 'low' },
    said: {
      pieces: [{ reasoning: 'They greet' }, { reasoning: ' me.' }, { text: 'Hello.' }],
      finish: 'stop',
      usage,
    },
  },
  {
    id: 'stop',
    about: 'a stop sequence reaches the model',
    ask: { ...hello, stop: 'END' },
    said: says('Hello'),
  },
  {
    id: 'length',
    about: 'a limit on the output reaches the model, and an answer that met it says so',
    ask: { ...hello, maxTokens: 5 },
    said: { ...says('Hello and'), finish: 'length' },
  },
  {
    id: 'refusal',
    about: 'a refusal is told as one',
    ask: hello,
    said: { pieces: [{ refusal: 'I will not.' }], finish: 'refusal', usage },
  },
  {
    id: 'unicode-split',
    about: 'characters survive, wherever the bytes of the upstream are split',
    ask: hello,
    said: says('Grüß Gott, ', '你好 ', '👩‍👩‍👧 مرحبا'),
    splitEvery: 3,
  },
  {
    id: 'empty-delta',
    about: 'pieces without text change nothing',
    ask: hello,
    said: says('', 'Hello', '', '.', ''),
    only: 'stream',
  },
  {
    id: 'usage',
    about: 'the tokens that the upstream reported are the client’s, cached ones included',
    ask: hello,
    said: says('Hello.'),
  },
  {
    id: 'error-before',
    about: 'an upstream that fails at once is an error of this dialect',
    ask: hello,
    said: says(),
    fails: 'before',
  },
  {
    id: 'error-within',
    about: 'an upstream that fails in its stream is an error in the stream',
    ask: hello,
    said: says('Hello'),
    fails: 'within',
    only: 'stream',
  },
  {
    id: 'abort',
    about: 'a client that hangs up frees the upstream',
    ask: hello,
    said: says('Hello', ' there'),
    leaves: true,
    only: 'stream',
  },
]
