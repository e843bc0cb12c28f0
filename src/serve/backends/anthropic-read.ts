import type { FinishReason, ModelEvent } from '../../core/event.ts'
import { reported } from '../../core/usage.ts'
import type { Usage } from '../../core/usage.ts'
import { isCount } from './openai-usage.ts'
import { invalid, parseObject } from './reading.ts'
import type { Reading } from './reading.ts'
import { UnknownBlock } from './unknown-block.ts'
import { failureInBody } from './upstream-failure.ts'

interface RawUsage {
  readonly input_tokens?: number | null
  readonly output_tokens?: number | null
  readonly cache_read_input_tokens?: number | null
  readonly cache_creation_input_tokens?: number | null
  readonly output_tokens_details?: { readonly thinking_tokens?: number | null } | null
}

interface RawBlock {
  readonly type: string
  readonly citations?: readonly unknown[] | null
  readonly text?: string
  readonly thinking?: string
  readonly signature?: string
  readonly id?: string
  readonly name?: string
  readonly input?: unknown
}

interface RawMessage extends Readonly<Record<string, unknown>> {
  readonly id?: string
  readonly model?: string
  readonly content?: readonly RawBlock[]
  readonly usage?: RawUsage
  readonly stop_reason?: string | null
  readonly stop_sequence?: string | null
}

interface RawDelta {
  readonly type?: string
  readonly text?: string
  readonly thinking?: string
  readonly signature?: string
  readonly partial_json?: string
  readonly stop_reason?: string | null
  readonly stop_sequence?: string | null
}

interface RawEvent {
  readonly type?: string
  readonly index?: number
  readonly message?: RawMessage
  readonly content_block?: RawBlock
  readonly delta?: RawDelta
  readonly usage?: RawUsage
  readonly error?: unknown
}

/** Reads a Messages answer, an event at a time or whole. One per answer. */
export class AnthropicReading implements Reading {
  /** Our index of a call by the index of its block. */
  readonly #calls = new Map<number, number>()
  /** The open call's block has had no input yet. */
  #isEmptyCall = false
  /** Blocks that there is no word for, by index, while they come. */
  readonly #unknown = new Map<number, UnknownBlock>()
  /** What a later event must repeat to be the whole prompt. */
  #prompt: RawUsage = {}

  /** One event of a stream. Throws `Failure('upstream_invalid')`. */
  readonly message = ({ data }: { readonly data: string }): readonly ModelEvent[] => {
    const event = parseObject(data) as RawEvent
    switch (event.type) {
      case 'content_block_delta':
        return this.#delta(event.index ?? 0, event.delta ?? {})
      case 'content_block_start':
        return this.#block(event.index ?? 0, event.content_block ?? { type: '' })
      case 'content_block_stop':
        return this.#blockEnd(event.index ?? 0)
      case 'message_start':
        return this.#start(event.message ?? {})
      case 'message_delta':
        return [...this.#finish(event.delta ?? {}, event.usage), ...restOf({ ...event, ...event.delta })]
      case 'message_stop':
        return [{ type: 'end' }]
      case 'error':
        return [failureInBody(data, event.error)]
      case 'ping':
        return []
      default:
        return [opaque(event)]
    }
  }

  /** A whole body. */
  readonly whole = (body: Uint8Array): readonly ModelEvent[] => {
    const text = decoder.decode(body)
    const message = parseObject(text) as RawMessage & { readonly error?: unknown }
    if (message.error) return [failureInBody(text, message.error), { type: 'end' }]
    if (!Array.isArray(message.content)) throw invalid('has no content')
    return [
      ...this.#start(message),
      ...message.content.flatMap((block: RawBlock, index) => [
        ...this.#block(index, block),
        ...this.#blockEnd(index),
      ]),
      ...this.#finish(message, message.usage),
      { type: 'end' },
    ]
  }

  #start(message: RawMessage): ModelEvent[] {
    const { id, model } = message
    const events: ModelEvent[] = [{ type: 'start', ...(id && { id }), ...(model && { model }) }]
    // Its count of output tokens is only of those so far.
    const usage = this.#usageOf({ ...message.usage, output_tokens: null })
    if (usage !== undefined) events.push({ type: 'usage', usage })
    return [...events, ...restOf(message)]
  }

  #block(index: number, block: RawBlock): readonly ModelEvent[] {
    switch (block.type) {
      case 'text':
        return [
          ...(block.text ? [{ type: 'text', text: block.text } as const] : []),
          ...(block.citations ?? []).map((citation) => opaque({ type: 'citations_delta', citation })),
        ]
      case 'thinking':
        if (!block.thinking && !block.signature) return []
        return [
          {
            type: 'reasoning',
            text: block.thinking ?? '',
            ...(block.signature && { signature: block.signature }),
          },
        ]
      case 'tool_use': {
        const call = this.#calls.size
        this.#calls.set(index, call)
        const json = block.input ? JSON.stringify(block.input) : '{}'
        this.#isEmptyCall = json === '{}'
        const begin = { type: 'tool-call', index: call, id: block.id ?? '', name: block.name ?? '' } as const
        return this.#isEmptyCall ? [begin] : [begin, { type: 'tool-input', index: call, json }]
      }
      default:
        this.#unknown.set(index, new UnknownBlock(block))
        return []
    }
  }

  #delta(block: number, delta: RawDelta): readonly ModelEvent[] {
    const unknown = this.#unknown.get(block)
    if (unknown !== undefined) {
      unknown.add(delta)
      return []
    }
    switch (delta.type) {
      case 'text_delta':
        return [{ type: 'text', text: delta.text ?? '' }]
      case 'thinking_delta':
        return [{ type: 'reasoning', text: delta.thinking ?? '' }]
      case 'signature_delta':
        return delta.signature ? [{ type: 'reasoning', text: '', signature: delta.signature }] : []
      case 'input_json_delta': {
        const index = this.#calls.get(block)
        if (index === undefined || !delta.partial_json) return []
        this.#isEmptyCall = false
        return [{ type: 'tool-input', index, json: delta.partial_json }]
      }
      default:
        return [opaque(delta)]
    }
  }

  /** A call without arguments streams none; elsewhere arguments are always JSON. */
  #blockEnd(block: number): readonly ModelEvent[] {
    const unknown = this.#unknown.get(block)
    if (unknown !== undefined) {
      this.#unknown.delete(block)
      return [opaque(unknown.value())]
    }
    const index = this.#calls.get(block)
    if (index === undefined || !this.#isEmptyCall) return []
    this.#isEmptyCall = false
    return [{ type: 'tool-input', index, json: '{}' }]
  }

  #finish({ stop_reason: reason, stop_sequence: stop }: RawDelta | RawMessage, raw?: RawUsage): ModelEvent[] {
    const usage = raw && this.#usageOf(raw)
    const events: ModelEvent[] = usage === undefined ? [] : [{ type: 'usage', usage }]
    if (reason) {
      events.push({
        type: 'finish',
        reason: finishReasons[reason] ?? 'other',
        ...(stop && { stopSequence: stop }),
      })
    }
    return events
  }

  /** `input_tokens` leaves out what the cache gave and took: the prompt is the sum. Counts are cumulative. */
  #usageOf(raw: RawUsage): Usage | undefined {
    const usage: { -readonly [K in keyof Usage]: Usage[K] } = {}
    if (isCount(raw.output_tokens)) usage.output = reported(raw.output_tokens)
    const thought = raw.output_tokens_details?.thinking_tokens
    if (isCount(thought)) usage.reasoning = reported(thought)
    this.#prompt = {
      input_tokens: raw.input_tokens ?? this.#prompt.input_tokens,
      cache_read_input_tokens: raw.cache_read_input_tokens ?? this.#prompt.cache_read_input_tokens,
      cache_creation_input_tokens:
        raw.cache_creation_input_tokens ?? this.#prompt.cache_creation_input_tokens,
    } as RawUsage
    const {
      input_tokens: fresh,
      cache_read_input_tokens: read,
      cache_creation_input_tokens: written,
    } = this.#prompt
    if (isCount(fresh)) usage.input = reported(fresh + (read ?? 0) + (written ?? 0))
    if (isCount(read)) usage.cached = reported(read)
    if (isCount(written)) usage.cacheWrite = reported(written)
    return Object.keys(usage).length === 0 ? undefined : usage
  }
}

const opaque = (value: unknown): ModelEvent => ({ type: 'opaque', dialect: 'anthropic-messages', value })

/** Top-level fields that there is no word for. */
function restOf(message: object): readonly ModelEvent[] {
  const rest = Object.entries(message).filter(([key, value]) => !known.has(key) && value !== null)
  return rest.length === 0 ? [] : [{ type: 'rest', fields: Object.fromEntries(rest) }]
}

const decoder = new TextDecoder()

const known = new Set([
  'id',
  'type',
  'role',
  'model',
  'content',
  'delta',
  'stop_reason',
  'stop_sequence',
  'usage',
])

const finishReasons: Readonly<Record<string, FinishReason | undefined>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool-calls',
  refusal: 'refusal',
}
