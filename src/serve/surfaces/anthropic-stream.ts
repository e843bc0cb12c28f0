import type { ModelEvent } from '../../core/event.ts'
import { Failure } from '../../core/failure.ts'
import type { AnswerFacts, StreamWriter } from '../../core/surface.ts'
import { mergeUsage, type Usage } from '../../core/usage.ts'
import { sseMessage } from '../stream/sse-writer.ts'
import { anthropicUsage, blockOf, isDelta, messageHead, stopOf, type Head } from './anthropic-answer.ts'
import { anthropicError } from './anthropic-error.ts'

/** A block that has begun. Its deltas are JSON text, waiting to be written. */
interface Block {
  readonly kind: 'text' | 'refusal' | 'thinking' | 'call' | 'other'
  /** `content_block` of its start. */
  readonly start: object
  readonly call?: number
  readonly deltas: string[]
  /** Of a call: its arguments so far. */
  readonly input: string[]
  isShown: boolean
  /** Nothing more belongs to it: a thought that was signed. */
  isSealed: boolean
}

type Kind = Block['kind']

/**
 * Writes a stream of Anthropic’s: one message, in it one block after the other. A block ends when the next has begun;
 * the arguments of a call must be complete by then, so what begins before that waits for its turn.
 */
export class AnthropicWriter implements StreamWriter {
  readonly #facts: AnswerFacts
  readonly #blocks: Block[] = []
  /** Of the first of them. */
  #index = 0
  #head: Head = {}
  #usage: Usage = {}
  #rest: Record<string, unknown> = {}
  readonly #untranslated: unknown[] = []
  #finish: Extract<ModelEvent, { type: 'finish' }> | undefined
  #refused = false
  #begun = false
  #failed = false
  /** Nothing came by here: the upstream's own bytes went out. */
  #isUnused = true

  constructor(facts: AnswerFacts) {
    this.#facts = facts
  }

  write(event: ModelEvent): string {
    const isUnused = this.#isUnused
    this.#isUnused = false
    switch (event.type) {
      case 'start':
        this.#head = event
        return ''
      case 'usage':
        this.#usage = mergeUsage(this.#usage, event.usage)
        return ''
      case 'rest':
        Object.assign(this.#rest, event.fields)
        return ''
      case 'text':
      case 'refusal':
        return this.#text(event.type, event.text)
      case 'reasoning':
        return this.#thought(event.text, event.signature)
      case 'tool-call': {
        const { id, name, index } = event
        this.#begin('call', { type: 'tool_use', id, name, input: {} }, index)
        return this.#show()
      }
      case 'tool-input':
        return this.#input(event.index, event.json)
      case 'opaque':
        return this.#other(event.dialect, event.value)
      case 'finish':
        this.#finish = event
        return ''
      case 'failure':
        this.#failed = true
        return sseMessage(
          anthropicError(new Failure(event.code, event.facts), this.#facts.requestId),
          'error',
        )
      case 'end':
        if (this.#failed) return ''
        return isUnused ? lastMessage : this.#show(true) + this.#ending()
      default:
        return ''
    }
  }

  #text(kind: 'text' | 'refusal', text: string): string {
    if (text === '') return ''
    this.#refused ||= kind === 'refusal'
    const block = this.#same(kind, { type: 'text', text: '' })
    block.deltas.push(`{"type":"text_delta","text":${JSON.stringify(text)}}`)
    return this.#show()
  }

  #thought(text: string, signature: string | undefined): string {
    if (text === '' && signature === undefined) return ''
    const block = this.#same('thinking', { type: 'thinking', thinking: '', signature: '' })
    if (text !== '') block.deltas.push(`{"type":"thinking_delta","thinking":${JSON.stringify(text)}}`)
    if (signature !== undefined) {
      block.deltas.push(JSON.stringify({ type: 'signature_delta', signature }))
      block.isSealed = true
    }
    return this.#show()
  }

  #input(call: number, json: string): string {
    const block = this.#blocks.find((each) => each.call === call)
    block?.input.push(json)
    block?.deltas.push(`{"type":"input_json_delta","partial_json":${JSON.stringify(json)}}`)
    return this.#show()
  }

  #other(dialect: string, value: unknown): string {
    const block = blockOf(dialect, value)
    if (block === undefined) this.#untranslated.push(value)
    else if (isDelta(block)) this.#blocks.at(-1)?.deltas.push(JSON.stringify(block))
    else this.#begin('other', block)
    return this.#show()
  }

  /** The last block, where it is of this kind and can go on; else a new one. */
  #same(kind: Kind, start: object): Block {
    const last = this.#blocks.at(-1)
    return last?.kind === kind && !last.isSealed ? last : this.#begin(kind, start)
  }

  #begin(kind: Kind, start: object, call?: number): Block {
    const about = call === undefined ? {} : { call }
    const block: Block = { kind, start, ...about, deltas: [], input: [], isShown: false, isSealed: false }
    this.#blocks.push(block)
    return block
  }

  /** Everything whose turn has come. */
  #show(isLast = false): string {
    let shown = this.#opening()
    for (;;) {
      const [block] = this.#blocks
      if (block === undefined) return shown
      if (!block.isShown) {
        block.isShown = true
        const start = { type: 'content_block_start', index: this.#index, content_block: block.start }
        shown += message('content_block_start', JSON.stringify(start))
      }
      for (const delta of block.deltas.splice(0)) {
        const text = `{"type":"content_block_delta","index":${this.#index},"delta":${delta}}`
        shown += message('content_block_delta', text)
      }
      if (!isLast && (this.#blocks.length === 1 || !isComplete(block))) return shown
      shown += message('content_block_stop', `{"type":"content_block_stop","index":${this.#index}}`)
      this.#index++
      this.#blocks.shift()
    }
  }

  #opening(): string {
    if (this.#begun) return ''
    this.#begun = true
    const start = {
      type: 'message_start',
      message: {
        ...this.#takeRest(),
        ...messageHead(this.#head, this.#facts),
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: anthropicUsage(this.#usage),
      },
    }
    return message('message_start', JSON.stringify(start))
  }

  #ending(): string {
    const { reason = 'stop', stopSequence } = this.#finish ?? {}
    const last = {
      type: 'message_delta',
      delta: { ...this.#takeRest(), ...stopOf({ reason, stopSequence, refused: this.#refused }) },
      usage: anthropicUsage(this.#usage),
      ...(this.#untranslated.length > 0 && { untranslated: this.#untranslated }),
    }
    return message('message_delta', JSON.stringify(last)) + lastMessage
  }

  #takeRest(): Record<string, unknown> {
    const rest = this.#rest
    this.#rest = {}
    return rest
  }
}

/** As `sseMessage`, for JSON that was printed here: it has one line. */
const message = (type: string, json: string): string => `event: ${type}\ndata: ${json}\n\n`

const lastMessage = message('message_stop', '{"type":"message_stop"}')

/** The arguments of a call are complete when they are JSON. */
function isComplete({ kind, input }: Block): boolean {
  if (kind !== 'call') return true
  if (input.at(-1)?.trimEnd().endsWith('}') !== true) return false
  try {
    JSON.parse(input.join(''))
    return true
  } catch {
    return false
  }
}
