import { isObject } from '../../core/is-object.ts'
import type { FinishReason, ModelEvent } from '../../core/event.ts'
import { Failure } from '../../core/failure.ts'
import type { AnswerFacts, StreamWriter, Surface } from '../../core/surface.ts'
import { fold } from '../stream/fold.ts'
import { answerOf } from './openai-answer.ts'
import { ollamaError } from './ollama-error.ts'
import { ollamaLogprobs } from './ollama-logprobs.ts'
import { ollamaMetrics } from './ollama-metrics.ts'

/** What one line says; what is left out is not said. */
export interface Said {
  readonly text?: string
  readonly thinking?: string
  readonly calls?: readonly OllamaCall[]
  /** Pieces that only another dialect has a word for. */
  readonly untranslated?: readonly unknown[]
}

interface OllamaCall {
  readonly id: string
  readonly function: { readonly index: number; readonly name: string; readonly arguments: unknown }
}

/** How a dialect puts what was said into a line. */
type Face = (said: Said) => Readonly<Record<string, unknown>>

/** The answering half of chat and generate: they differ only in where a line has its text. */
export const ollamaAnswers = (
  face: Face,
): Pick<Surface, 'contentType' | 'whole' | 'stream' | 'isUsageOnly' | 'heartbeat' | 'error'> => ({
  contentType: { stream: 'application/x-ndjson', whole: 'application/json' },
  // Clients read every line as JSON: what says nothing is a line with an empty text.
  heartbeat: line({ model: '', created_at: new Date(0).toISOString(), ...face({}), done: false }),
  whole: (events, facts) => wholeAnswer(events, facts, face),
  stream: (facts) => new OllamaWriter(facts, face),
  isUsageOnly: () => false,
  error: ollamaError,
})

const line = (value: object): string => `${JSON.stringify(value)}\n`

/** Now, to the second in which the call began. */
const createdAt = ({ created, tookMs }: AnswerFacts): string =>
  new Date(created * 1000 + (tookMs?.() ?? 0)).toISOString()

function wholeAnswer(events: readonly ModelEvent[], facts: AnswerFacts, face: Face): string {
  const answer = answerOf(events)
  const choice = answer.choices[0]
  const said = choice === undefined ? {} : saidIn(choice.parts)
  const logprobs = ollamaLogprobs(choice?.logprobs)
  return JSON.stringify({
    ...answer.rest,
    model: facts.request.model,
    created_at: createdAt(facts),
    ...face(said),
    ...(logprobs.length > 0 && { logprobs }),
    done: true,
    done_reason: reasonName(choice?.finish),
    ...ollamaMetrics(answer.usage, answer.timing, { tookMs: facts.tookMs?.() ?? 0 }),
  })
}

type Parts = ReturnType<typeof fold>['choices'][number]['parts']

function saidIn(parts: Parts): Said {
  const texts = (...types: readonly string[]): string =>
    parts.map((part) => ('text' in part && types.includes(part.type) ? part.text : '')).join('')
  const thinking = texts('reasoning')
  const { calls, broken } = callsIn(parts)
  const untranslated = parts.flatMap((part) => (part.type === 'opaque' ? [part.value] : []))
  return {
    text: texts('text', 'refusal') + broken,
    ...(thinking !== '' && { thinking }),
    ...(calls.length > 0 && { calls }),
    ...(untranslated.length > 0 && { untranslated }),
  }
}

/** Arguments are an object here: a call that was cut off, or is none, is shown as the text that the model wrote. */
function callsIn(parts: Parts): { readonly calls: readonly OllamaCall[]; readonly broken: string } {
  const calls: OllamaCall[] = []
  let broken = ''
  for (const part of parts) {
    if (part.type !== 'tool-call') continue
    const { id, name, input } = part
    const values = argumentsOf(input)
    if (values === undefined) broken += `{"name":${JSON.stringify(name)},"arguments":${input}`
    else calls.push({ id, function: { index: calls.length, name, arguments: values } })
  }
  return { calls, broken }
}

function argumentsOf(input: string): object | undefined {
  if (input.trim() === '') return {}
  try {
    const value: unknown = JSON.parse(input)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

const reasonName = (finish: FinishReason | undefined): 'stop' | 'length' =>
  finish === 'length' ? 'length' : 'stop'

type CallEvent = Extract<ModelEvent, { type: 'tool-call' | 'tool-input' }>

/** A line for each piece. Calls are told whole, when they are; the figures in the last line. */
class OllamaWriter implements StreamWriter {
  readonly #facts: AnswerFacts
  readonly #face: Face
  readonly #model: string
  /** What the last line needs. */
  readonly #closing: ModelEvent[] = []
  #calls: CallEvent[] = []
  #firstMs: number | undefined
  #failed = false

  constructor(facts: AnswerFacts, face: Face) {
    this.#facts = facts
    this.#face = face
    this.#model = facts.request.model
  }

  write(event: ModelEvent): string {
    // One answer is all that this dialect knows.
    if ('choice' in event && event.choice !== undefined && event.choice !== 0) return ''
    switch (event.type) {
      case 'text':
      case 'refusal':
        return event.text === '' ? '' : this.#line({ text: event.text })
      case 'reasoning':
        return event.text === '' ? '' : this.#line({ thinking: event.text })
      case 'opaque':
        return this.#line({ untranslated: [event.value] })
      case 'logprobs': {
        const logprobs = ollamaLogprobs(event.logprobs)
        return logprobs.length === 0 ? '' : this.#line({}, { logprobs })
      }
      case 'tool-call':
      case 'tool-input':
        this.#firstMs ??= this.#facts.tookMs?.()
        this.#calls.push(event)
        return ''
      case 'usage':
      case 'timing':
      case 'rest':
      case 'finish':
        this.#closing.push(event)
        return ''
      case 'failure':
        this.#failed = true
        return `${ollamaError(new Failure(event.code, event.facts), this.#facts.requestId)}\n`
      case 'end':
        return this.#failed ? '' : this.#toldCalls() + this.#last()
      default:
        return ''
    }
  }

  #line(said: Said, more: object = {}): string {
    this.#firstMs ??= this.#facts.tookMs?.()
    return line({
      model: this.#model,
      created_at: createdAt(this.#facts),
      ...this.#face(said),
      ...more,
      done: false,
    })
  }

  #toldCalls(): string {
    if (this.#calls.length === 0) return ''
    const said = saidIn(fold(this.#calls).choices[0]?.parts ?? [])
    this.#calls = []
    return this.#line(said)
  }

  #last(): string {
    const { rest, choices, usage, timing } = fold(this.#closing)
    return line({
      ...rest,
      model: this.#model,
      created_at: createdAt(this.#facts),
      ...this.#face({}),
      done: true,
      done_reason: reasonName(choices[0]?.finish),
      ...ollamaMetrics(usage, timing, { tookMs: this.#facts.tookMs?.() ?? 0, firstMs: this.#firstMs }),
    })
  }
}
