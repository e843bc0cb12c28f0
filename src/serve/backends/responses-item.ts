import type { ModelEvent } from '../../core/event.ts'
import { sealOf } from './sealed-reasoning.ts'

interface RawPart {
  readonly type?: string
  readonly text?: string
  readonly refusal?: string
  readonly logprobs?: readonly unknown[] | null
  readonly annotations?: readonly unknown[] | null
}

/** An item of an answer's `output`. */
export interface RawItem {
  readonly type?: string
  readonly id?: string
  readonly call_id?: string
  readonly name?: string
  readonly arguments?: string
  readonly content?: readonly RawPart[] | null
  readonly summary?: readonly RawPart[] | null
  readonly encrypted_content?: string | null
}

/** One item while it comes: what its pieces have not told is told when it is done. */
export class ResponsesItem {
  readonly #nextCall: () => number
  #call: number | undefined
  #said = false
  #thought: { readonly from: 'content' | 'summary'; readonly part: number } | undefined
  #done = false

  constructor(nextCall: () => number) {
    this.#nextCall = nextCall
  }

  begin(item: RawItem): ModelEvent[] {
    if (item.type !== 'function_call' || this.#call !== undefined) return []
    this.#call = this.#nextCall()
    const { call_id: id = item.id ?? '', name = '' } = item
    const events: ModelEvent[] = [{ type: 'tool-call', index: this.#call, id, name }]
    return item.arguments ? [...events, ...this.input(item.arguments)] : events
  }

  text(type: 'text' | 'refusal', text: string, logprobs: readonly unknown[] = []): ModelEvent[] {
    if (text === '') return []
    this.#said = true
    const events: ModelEvent[] = [{ type, text }]
    if (logprobs.length > 0) events.push({ type: 'logprobs', logprobs: { content: logprobs } })
    return events
  }

  /** Summaries come in parts; the raw thought and its summary are not told both. */
  thought(from: 'content' | 'summary', part: number, text: string): ModelEvent[] {
    if (text === '' || (this.#thought !== undefined && this.#thought.from !== from)) return []
    const isNext = this.#thought !== undefined && this.#thought.part !== part
    this.#thought = { from, part }
    return [{ type: 'reasoning', text: isNext ? `\n\n${text}` : text }]
  }

  input(json: string): ModelEvent[] {
    if (this.#call === undefined || json === '') return []
    this.#said = true
    return [{ type: 'tool-input', index: this.#call, json }]
  }

  end(item: RawItem): ModelEvent[] {
    if (this.#done) return []
    this.#done = true
    switch (item.type) {
      case 'message':
        return this.#said ? [] : (item.content ?? []).flatMap((part) => this.#part(part))
      case 'function_call': {
        const begun = this.begin(item)
        return this.#said ? begun : [...begun, ...this.input(item.arguments || '{}')]
      }
      case 'reasoning':
        return this.#reasoning(item)
      default:
        return [opaque(item)]
    }
  }

  #part({ type, text = '', refusal = '', logprobs, annotations }: RawPart): ModelEvent[] {
    if (type === 'refusal') return this.text('refusal', refusal)
    if (type !== 'output_text') return []
    return [...this.text('text', text, logprobs ?? []), ...(annotations ?? []).map(annotationOf)]
  }

  #reasoning({ id = '', content, summary, encrypted_content: encrypted }: RawItem): ModelEvent[] {
    const events: ModelEvent[] = []
    if (this.#thought === undefined) {
      const from = content && content.length > 0 ? 'content' : 'summary'
      for (const [at, { text = '' }] of ((from === 'content' ? content : summary) ?? []).entries()) {
        events.push(...this.thought(from, at, text))
      }
    }
    if (encrypted) events.push({ type: 'reasoning', text: '', signature: sealOf(id, encrypted) })
    return events
  }
}

const annotationOf = (annotation: unknown): ModelEvent =>
  opaque({ type: 'response.output_text.annotation.added', annotation })

const opaque = (value: unknown): ModelEvent => ({ type: 'opaque', dialect: 'openai-responses', value })
