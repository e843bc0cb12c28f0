import type { FinishReason, ModelEvent } from '../../core/event.ts'
import { reported } from '../../core/usage.ts'
import type { Usage } from '../../core/usage.ts'
import { chatLogprobs, CompletionLogprobs, type OllamaLogprob } from './ollama-logprobs.ts'
import { ollamaFailureLine } from './ollama-failure.ts'
import { ollamaTimes, type Timed } from './ollama-times.ts'
import { isCount } from './openai-usage.ts'
import { invalid, parseObject } from './reading.ts'
import type { Reading } from './reading.ts'

interface RawCall {
  readonly id?: string
  readonly function?: { readonly name?: string; readonly arguments?: unknown } | null
}

interface RawMessage {
  readonly content?: string | null
  readonly thinking?: string | null
  readonly tool_calls?: readonly RawCall[] | null
}

/** A line of a stream, or a whole answer: chat, generate and both kinds of embeddings differ in where they have it. */
interface RawAnswer extends Timed, Readonly<Record<string, unknown>> {
  readonly model?: string
  readonly created_at?: string
  readonly message?: RawMessage | null
  /** Generate. */
  readonly response?: string
  readonly thinking?: string | null
  readonly tool_calls?: readonly RawCall[] | null
  readonly embeddings?: readonly (readonly number[])[] | null
  readonly embedding?: readonly number[] | null
  readonly logprobs?: readonly OllamaLogprob[] | null
  readonly done?: boolean
  readonly done_reason?: string
  readonly error?: unknown
  readonly prompt_eval_count?: number
  readonly eval_count?: number
  readonly remote_host?: string
  readonly remote_model?: string
}

export interface OllamaAsked {
  /** Completions tell log probabilities in lists, a chat in objects. */
  readonly completes: boolean
  /** A format was asked for. */
  readonly formatted: boolean
  /** Looks at an answer that another host gave; throws where that may not be. */
  readonly cameFrom: (host: string) => void
}

/** Reads an answer of Ollama's, a line at a time or whole. One per answer. */
export class OllamaReading implements Reading {
  readonly #asked: OllamaAsked
  readonly #offsets = new CompletionLogprobs()
  #started = false
  #calls = 0
  #thought = false

  constructor(asked: OllamaAsked) {
    this.#asked = asked
  }

  /** One line of a stream. Throws `Failure('upstream_invalid' | 'cloud_model')`. */
  readonly message = ({ data }: { readonly data: string }): readonly ModelEvent[] => this.#answer(data)

  /** A whole body. */
  readonly whole = (body: Uint8Array): readonly ModelEvent[] => {
    const events = this.#answer(decoder.decode(body))
    if (events.at(-1)?.type !== 'end') events.push({ type: 'end' })
    return events
  }

  #answer(text: string): ModelEvent[] {
    const answer = parseObject(text) as RawAnswer
    if (answer.error) return [ollamaFailureLine(text, answer.error)]
    const host = answer.remote_host ?? answer.remote_model
    if (host) this.#asked.cameFrom(host)
    const events: ModelEvent[] = []
    if (!this.#started) this.#start(answer, events)
    const vectors = answer.embeddings ?? (answer.embedding && [answer.embedding])
    if (vectors) this.#vectors(vectors, answer, events)
    else if (answer.message || typeof answer.response === 'string') this.#said(answer, events)
    else throw invalid('has no message, no text and no vectors')
    const rest = restOf(answer)
    if (rest !== undefined) events.push({ type: 'rest', fields: rest })
    if (answer.done === true) this.#finish(answer, events)
    return events
  }

  #start({ model, created_at: at }: RawAnswer, events: ModelEvent[]): void {
    this.#started = true
    const created = Math.floor(Date.parse(at ?? '') / 1000)
    events.push({ type: 'start', ...(model && { model }), ...(Number.isFinite(created) && { created }) })
  }

  #said(answer: RawAnswer, events: ModelEvent[]): void {
    const {
      content,
      thinking,
      tool_calls: calls,
    } = answer.message ?? {
      ...answer,
      content: answer.response,
    }
    if (thinking) {
      this.#thought = true
      events.push({ type: 'reasoning', text: textIn(thinking) })
    }
    if (content) events.push({ type: 'text', text: textIn(content) })
    for (const call of calls ?? []) this.#call(call, answer.created_at, events)
    if (answer.logprobs) {
      const logprobs = this.#asked.completes
        ? this.#offsets.of(answer.logprobs)
        : chatLogprobs(answer.logprobs)
      events.push({ type: 'logprobs', logprobs })
    }
  }

  /** Calls come whole. Older versions give them no id: when it was said makes one that no other turn has. */
  #call({ id, function: about }: RawCall, at: string | undefined, events: ModelEvent[]): void {
    const index = this.#calls++
    const made = `call_${(at ?? '').replaceAll(/\D/g, '')}_${index}`
    events.push({ type: 'tool-call', index, id: textIn(id || made), name: textIn(about?.name ?? '') })
    const input = about?.arguments ?? {}
    events.push({
      type: 'tool-input',
      index,
      json: typeof input === 'string' ? input : JSON.stringify(input),
    })
  }

  #vectors(vectors: readonly (readonly number[])[], answer: RawAnswer, events: ModelEvent[]): void {
    for (const [index, vector] of vectors.entries()) {
      if (!Array.isArray(vector)) throw invalid('has a vector that is none')
      events.push({ type: 'embedding', index, vector: vector as readonly number[] })
    }
    if (isCount(answer.prompt_eval_count)) {
      events.push({ type: 'usage', usage: { input: reported(answer.prompt_eval_count) } })
    }
    const timing = ollamaTimes(answer)
    if (timing !== undefined) events.push(timing)
  }

  #finish(answer: RawAnswer, events: ModelEvent[]): void {
    // A thought before a format takes two generations, and only the second is told.
    if (!(this.#thought && this.#asked.formatted)) {
      const usage = usageOf(answer)
      if (usage !== undefined) events.push({ type: 'usage', usage })
      const timing = ollamaTimes(answer)
      if (timing !== undefined) events.push(timing)
    }
    const said = finishReasons[answer.done_reason ?? 'stop'] ?? 'other'
    events.push({ type: 'finish', reason: said === 'stop' && this.#calls > 0 ? 'tool-calls' : said })
    events.push({ type: 'end' })
  }
}

function textIn(value: unknown): string {
  if (typeof value !== 'string') throw invalid('has a text that is none')
  return value
}

function usageOf({ prompt_eval_count: input, eval_count: output }: RawAnswer): Usage | undefined {
  if (!isCount(input) && !isCount(output)) return undefined
  return {
    ...(isCount(input) && { input: reported(input) }),
    ...(isCount(output) && { output: reported(output) }),
  }
}

/** Top-level fields that there is no word for. */
function restOf(answer: RawAnswer): Readonly<Record<string, unknown>> | undefined {
  let rest: Record<string, unknown> | undefined
  for (const key in answer) if (!known.has(key)) (rest ??= {})[key] = answer[key]
  return rest
}

const decoder = new TextDecoder()

const known = new Set([
  'model',
  'created_at',
  'message',
  'response',
  'thinking',
  'tool_calls',
  'embeddings',
  'embedding',
  'logprobs',
  'done',
  'done_reason',
  'total_duration',
  'load_duration',
  'prompt_eval_count',
  'prompt_eval_duration',
  'eval_count',
  'eval_duration',
])

const finishReasons: Readonly<Record<string, FinishReason | undefined>> = { stop: 'stop', length: 'length' }
