import { isObject } from '../../core/is-object.ts'
import { joinLogprobs } from '../stream/logprobs.ts'
import { seal } from './openai-responses-sealed.ts'
import { customInput, type OfferedTool } from './openai-responses-tools.ts'

export type Json = Readonly<Record<string, unknown>>
export type Emit = (type: string, fields: Json) => void
export type ItemStatus = 'in_progress' | 'completed' | 'incomplete'

/** An item of the output, while it grows. */
export interface Item {
  readonly place: Place
  /** As it stands. */
  value(): Json
  close(status: ItemStatus): void
}

/** Where an item stands. */
export class Place {
  readonly index: number
  readonly id: string
  readonly #emit: Emit

  constructor(index: number, id: string, emit: Emit) {
    this.index = index
    this.id = id
    this.#emit = emit
  }

  tell(type: string, fields: Json): void {
    this.#emit(type, { item_id: this.id, output_index: this.index, ...fields })
  }
}

interface MessagePart {
  readonly type: 'output_text' | 'refusal'
  text: string
  logprobs: unknown
  readonly annotations: unknown[]
}

export class MessageItem implements Item {
  readonly place: Place
  readonly #parts: MessagePart[] = []
  #status: ItemStatus = 'in_progress'

  constructor(place: Place) {
    this.place = place
  }

  value(): Json {
    return {
      type: 'message',
      id: this.place.id,
      status: this.#status,
      role: 'assistant',
      content: this.#parts.map(partValue),
    }
  }

  say(type: MessagePart['type'], text: string): void {
    let part = this.#parts.at(-1)
    if (part?.type !== type) {
      this.#endPart()
      part = { type, text: '', logprobs: undefined, annotations: [] }
      this.#parts.push(part)
      this.#tell('response.content_part.added', { part: partValue(part) })
    }
    part.text += text
    this.#tell(`response.${type}.delta`, { delta: text, ...(type === 'output_text' && { logprobs: [] }) })
  }

  annotate(annotation: unknown): void {
    const part = this.#parts.at(-1)
    if (part?.type !== 'output_text') return
    const at = part.annotations.push(annotation) - 1
    this.#tell('response.output_text.annotation.added', { annotation_index: at, annotation })
  }

  /** They come behind their text: they are told with the whole of it. */
  keepLogprobs(logprobs: unknown): void {
    const part = this.#parts.at(-1)
    if (part?.type === 'output_text') part.logprobs = joinLogprobs(part.logprobs, logprobs)
  }

  close(status: ItemStatus): void {
    this.#endPart()
    this.#status = status
  }

  #endPart(): void {
    const part = this.#parts.at(-1)
    if (part === undefined) return
    const { type, annotations: _, ...done } = partValue(part)
    this.#tell(`response.${type}.done`, done)
    this.#tell('response.content_part.done', { part: partValue(part) })
  }

  #tell(type: string, fields: Json): void {
    this.place.tell(type, { content_index: this.#parts.length - 1, ...fields })
  }
}

const partValue = ({ type, text, logprobs, annotations }: MessagePart) =>
  type === 'refusal' ? { type, refusal: text } : { type, text, annotations, logprobs: tokensOf(logprobs) }

/** The list of a chat's log probabilities, each with all members. */
function tokensOf(logprobs: unknown): Json[] {
  const tokens = isObject(logprobs) ? logprobs['content'] : undefined
  return Array.isArray(tokens) ? tokens.filter(isObject).map(tokenOf) : []
}

function tokenOf({ token, logprob, bytes, top_logprobs: top }: Record<string, unknown>): Json {
  const tops = Array.isArray(top) ? top.filter(isObject) : []
  return {
    token,
    logprob,
    bytes: bytes ?? [],
    top_logprobs: tops.map((each) => ({
      token: each['token'],
      logprob: each['logprob'],
      bytes: each['bytes'] ?? [],
    })),
  }
}

/**
 * A thought is streamed as its own summary: the only events for thoughts that both the specification and clients know
 * (`response.reasoning.delta` there, `response.reasoning_text.delta` here). Whole it is `content` too, for clients that read only that.
 */
export class ReasoningItem implements Item {
  readonly place: Place
  encrypted: string | undefined
  #text = ''

  constructor(place: Place) {
    this.place = place
  }

  value(): Json {
    const text = this.#text
    return {
      type: 'reasoning',
      id: this.place.id,
      summary: text === '' ? [] : [{ type: 'summary_text', text }],
      ...(text !== '' && { content: [{ type: 'reasoning_text', text }] }),
      ...(this.encrypted !== undefined && { encrypted_content: this.encrypted }),
    }
  }

  think(text: string): void {
    if (text === '') return
    if (this.#text === '') this.#tell('part.added', { part: { type: 'summary_text', text: '' } })
    this.#text += text
    this.#tell('text.delta', { delta: text })
  }

  seal(signature: string): void {
    this.encrypted = seal({ text: this.#text, signature })
  }

  close(): void {
    const text = this.#text
    if (text === '') return
    this.#tell('text.done', { text })
    this.#tell('part.done', { part: { type: 'summary_text', text } })
  }

  #tell(type: string, fields: Json): void {
    this.place.tell(`response.reasoning_summary_${type}`, { summary_index: 0, ...fields })
  }
}

export class CallItem implements Item {
  readonly place: Place
  readonly #id: string
  readonly #name: string
  readonly #namespace: string | undefined
  readonly #isCustom: boolean
  #json = ''
  #status: ItemStatus = 'in_progress'

  constructor(place: Place, id: string, name: string, tool: OfferedTool | undefined) {
    this.place = place
    this.#id = id === '' ? `call_${place.id}` : id
    this.#name = tool?.name ?? name
    this.#namespace = tool?.namespace
    this.#isCustom = tool?.isCustom ?? false
  }

  value(): Json {
    return {
      type: this.#isCustom ? 'custom_tool_call' : 'function_call',
      id: this.place.id,
      status: this.#status,
      call_id: this.#id,
      name: this.#name,
      ...(this.#namespace !== undefined && { namespace: this.#namespace }),
      ...this.#input(),
    }
  }

  add(json: string): void {
    this.#json += json
    // A free text is known when its JSON is whole.
    if (!this.#isCustom && json !== '')
      this.place.tell('response.function_call_arguments.delta', { delta: json })
  }

  close(status: ItemStatus): void {
    // Clients parse what has no arguments, too.
    if (this.#json === '' && status === 'completed' && !this.#isCustom) this.add('{}')
    this.#status = status
    const input = this.#input()
    if (this.#isCustom) this.place.tell('response.custom_tool_call_input.delta', { delta: input['input'] })
    const name = this.#isCustom ? 'custom_tool_call_input' : 'function_call_arguments'
    this.place.tell(`response.${name}.done`, input)
  }

  #input(): Json {
    return this.#isCustom ? { input: customInput(this.#json) } : { arguments: this.#json }
  }
}

/** An item of an upstream that speaks this dialect, as it came. */
export class ForeignItem implements Item {
  readonly place: Place
  readonly #value: Json

  constructor(place: Place, value: Json) {
    this.place = place
    this.#value = value
  }

  value(): Json {
    return this.#value
  }

  close(): void {}
}
