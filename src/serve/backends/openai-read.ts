import type { FinishReason, ModelEvent } from '../../core/event.ts'
import type { Usage } from '../../core/usage.ts'
import { addUsage, timingsOf, usageOf } from './openai-usage.ts'
import type { RawUsage } from './openai-usage.ts'
import { invalid, parseObject } from './reading.ts'
import type { Reading } from './reading.ts'
import { signedIn, type RawThought } from './reasoning-details.ts'
import { failureInBody } from './upstream-failure.ts'

interface RawCall {
  readonly index?: number
  readonly id?: string | null
  readonly function?: { readonly name?: string | null; readonly arguments?: unknown } | null
}

/** A `delta` of a stream, or the `message` of a whole answer: the same fields. */
interface RawMessage {
  readonly content?: string | readonly { readonly type?: string; readonly text?: string }[] | null
  readonly reasoning_content?: string | null
  readonly reasoning?: string | null
  /** OpenRouter: what must travel back, beside the text that `reasoning` says already. */
  readonly reasoning_details?: readonly RawThought[] | null
  readonly refusal?: string | null
  readonly tool_calls?: readonly RawCall[] | null
}

interface RawChoice extends Pick<RawCall, 'index'> {
  readonly delta?: RawMessage | null
  readonly message?: RawMessage | null
  /** Completions. */
  readonly text?: string | null
  readonly logprobs?: unknown
  readonly finish_reason?: string | null
  /** vLLM: the sequence or token that ended it. */
  readonly stop_reason?: unknown
}

interface RawAnswer extends Readonly<Record<string, unknown>> {
  readonly id?: string
  readonly model?: string
  readonly created?: number
  readonly choices?: readonly RawChoice[] | null
  /** Embeddings. */
  readonly data?: readonly { readonly index?: number; readonly embedding?: readonly number[] | string }[]
  readonly usage?: RawUsage | null
  readonly error?: unknown
}

/**
 * Reads the JSON of one answer, a chunk at a time or whole; remembers what chunks leave out. One per answer.
 * Chat, completions and embeddings differ only in what their choices hold.
 */
export class OpenAiReading implements Reading {
  #id = ''
  #started = false
  #spent: Usage | undefined
  #calls: Map<number, Calls> | undefined
  #rest: Map<string, unknown> | undefined

  /** One event of a stream. Throws `Failure('upstream_invalid')`. */
  readonly message = ({ data }: { readonly data: string }): readonly ModelEvent[] => {
    if (data.startsWith('[DONE]')) return [{ type: 'end' }]
    // llama-server begins so when it was given several prompts.
    if (data === 'null') return []
    return this.#answer(data)
  }

  /** A whole body. */
  readonly whole = (body: Uint8Array): readonly ModelEvent[] => {
    const events = this.#answer(decoder.decode(body))
    events.push({ type: 'end' })
    return events
  }

  #answer(text: string): ModelEvent[] {
    const answer = parseObject(text) as RawAnswer
    if (answer.error !== undefined && answer.error !== null) return [failureInBody(text, answer.error)]
    const events: ModelEvent[] = []
    if (!this.#started) this.#start(answer, events)
    if (Array.isArray(answer.choices)) {
      for (const choice of answer.choices) this.#choice(choice, events)
    } else if (answer.data !== undefined) readVectors(answer.data, events)
    else if (!answer.usage) throw invalid('has neither choices nor an error')
    if (answer.usage) events.push({ type: 'usage', usage: this.#usage(answer, answer.usage) })
    this.#others(answer, events)
    return events
  }

  /** Only llama.cpp has `timings`, and only it tells the usage of each choice by itself. */
  #usage({ timings, object }: RawAnswer, raw: RawUsage): Usage {
    const usage = usageOf(raw)
    if (!timings) return usage
    this.#spent = addUsage(this.#spent, usage, object === 'chat.completion.chunk')
    return this.#spent
  }

  #start({ id, model, created }: RawAnswer, events: ModelEvent[]): void {
    this.#started = true
    this.#id = id ?? ''
    const start: Writable<Extract<ModelEvent, { type: 'start' }>> = { type: 'start' }
    if (id) start.id = id
    if (model) start.model = model
    if (created !== undefined) start.created = created
    events.push(start)
  }

  #choice(raw: RawChoice, events: ModelEvent[]): void {
    // Left out for the first choice, which is nearly always the only one.
    const choice = raw.index || undefined
    const message = raw.delta ?? raw.message
    if (message) {
      const thought = message.reasoning_content ?? message.reasoning
      if (thought) events.push(of(choice, { type: 'reasoning', text: thought }))
      for (const signed of signedIn(message.reasoning_details ?? [])) events.push(of(choice, signed))
      if (message.content) readContent(message.content, choice, events)
      if (message.refusal) events.push(of(choice, { type: 'refusal', text: message.refusal }))
      if (message.tool_calls) this.#toolCalls(message.tool_calls, choice, events)
    } else if (raw.text) events.push(of(choice, { type: 'text', text: raw.text }))
    if (raw.logprobs) events.push(of(choice, { type: 'logprobs', logprobs: raw.logprobs }))
    if (raw.finish_reason) {
      const isForTools = raw.finish_reason === 'stop' && this.#calls?.has(choice ?? 0) === true
      const reason = isForTools ? 'tool-calls' : (finishReasons[raw.finish_reason] ?? 'other')
      const finish: Writable<Extract<ModelEvent, { type: 'finish' }>> = { type: 'finish', reason }
      if (typeof raw.stop_reason === 'string') finish.stopSequence = raw.stop_reason
      events.push(of(choice, finish))
    }
  }

  #toolCalls(raws: readonly RawCall[], choice: number | undefined, events: ModelEvent[]): void {
    this.#calls ??= new Map()
    let calls = this.#calls.get(choice ?? 0)
    if (calls === undefined) this.#calls.set(choice ?? 0, (calls = new Calls()))
    for (const raw of raws) {
      const { index, isNew } = calls.place(raw)
      if (isNew) {
        const id = raw.id || `call_${this.#id}_${choice ?? 0}_${index}`
        events.push(of(choice, { type: 'tool-call', index, id, name: raw.function?.name ?? '' }))
      }
      const input = raw.function?.arguments
      const json = typeof input === 'string' ? input : input ? JSON.stringify(input) : ''
      if (json !== '') events.push(of(choice, { type: 'tool-input', index, json }))
    }
  }

  /** Times, and what the words do not cover; a field that every chunk repeats is told once. */
  #others(answer: RawAnswer, events: ModelEvent[]): void {
    let rest: Record<string, unknown> | undefined
    for (const key in answer) {
      if (known.has(key)) continue
      const value = answer[key]
      this.#rest ??= new Map()
      if (this.#rest.get(key) === value) continue
      this.#rest.set(key, value)
      rest ??= {}
      rest[key] = value
    }
    const timing = timingsOf(answer)
    if (timing !== undefined) events.push(timing)
    if (rest !== undefined) events.push({ type: 'rest', fields: rest })
  }
}

/**
 * The tool calls of one choice, counted from 0. Some upstreams leave `index` out, or give every whole call index 0:
 * another id at the same index is another call.
 */
class Calls {
  readonly #ids: (string | undefined)[] = []
  readonly #byIndex = new Map<number, number>()

  place({ index, id }: RawCall): { readonly index: number; readonly isNew: boolean } {
    const last = this.#ids.length - 1
    const known = index === undefined ? (id ? this.#ids.indexOf(id) : last) : (this.#byIndex.get(index) ?? -1)
    const isOther = known >= 0 && Boolean(id) && this.#ids[known] !== id
    if (known >= 0 && !isOther) return { index: known, isNew: false }
    this.#ids.push(id || undefined)
    if (index !== undefined) this.#byIndex.set(index, last + 1)
    return { index: last + 1, isNew: true }
  }
}

function readVectors(data: NonNullable<RawAnswer['data']>, events: ModelEvent[]): void {
  for (const [position, { index = position, embedding }] of data.entries()) {
    if (embedding === undefined) throw invalid('has an entry without a vector')
    events.push({ type: 'embedding', index, vector: embedding })
  }
}

function readContent(
  content: NonNullable<RawMessage['content']>,
  choice: number | undefined,
  events: ModelEvent[],
): void {
  if (typeof content === 'string') {
    events.push(of(choice, { type: 'text', text: content }))
    return
  }
  for (const part of content) {
    if (typeof part.text === 'string') events.push(of(choice, { type: 'text', text: part.text }))
    else events.push(of(choice, { type: 'opaque', dialect: 'openai-chat', value: part }))
  }
}

const decoder = new TextDecoder()

type Writable<T> = { -readonly [K in keyof T]: T[K] }

/** The event as one of this choice; to spread what is mostly nothing costs a microsecond an answer. */
function of(choice: number | undefined, event: ModelEvent & { choice?: number }): ModelEvent {
  if (choice !== undefined) event.choice = choice
  return event
}

const known = new Set(['id', 'object', 'created', 'model', 'choices', 'data', 'usage', 'obfuscation'])

const finishReasons: Readonly<Record<string, FinishReason | undefined>> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'tool-calls',
  function_call: 'tool-calls',
  content_filter: 'refusal',
  // TGI's words.
  eos_token: 'stop',
  stop_sequence: 'stop',
}
