import type { ModelEvent } from '../../core/event.ts'
import {
  CallItem,
  ForeignItem,
  MessageItem,
  Place,
  ReasoningItem,
  type Emit,
  type Item,
  type ItemStatus,
  type Json,
} from './openai-responses-output-items.ts'
import { seal, type Thought } from './openai-responses-sealed.ts'
import type { OfferedTool } from './openai-responses-tools.ts'

/** The items of an answer, as they grow; each step is told as it happens. */
export class Output {
  readonly #items: Item[] = []
  readonly #open = new Set<Item>()
  readonly #calls = new Map<number, CallItem>()
  readonly #emit: Emit
  /** Makes the ids of items unique. */
  readonly #suffix: string
  readonly #tools: ReadonlyMap<string, OfferedTool>
  readonly #keepsSeals: boolean
  #message: MessageItem | undefined
  #reasoning: ReasoningItem | undefined

  constructor(emit: Emit, suffix: string, tools: readonly OfferedTool[], keepsSeals: boolean) {
    this.#emit = emit
    this.#suffix = suffix
    this.#tools = new Map(tools.map((each) => [each.tool.name, each]))
    this.#keepsSeals = keepsSeals
  }

  values(): Json[] {
    return this.#items.map((item) => item.value())
  }

  say(type: 'output_text' | 'refusal', text: string): void {
    if (text === '') return
    this.#endReasoning()
    this.#message ??= this.#add(new MessageItem(this.#place('msg')))
    this.#message.say(type, text)
  }

  logprobs(logprobs: unknown): void {
    this.#message?.keepLogprobs(logprobs)
  }

  think(text: string, signature: string | undefined): void {
    if (text === '' && signature === undefined) return
    this.#endMessage()
    this.#reasoning ??= this.#add(new ReasoningItem(this.#place('rs')))
    this.#reasoning.think(text)
    if (signature === undefined) return
    if (this.#keepsSeals) this.#reasoning.seal(signature)
    this.#endReasoning()
  }

  /** A thought that only its maker can read. */
  hide(thought: Thought): void {
    this.#endMessage()
    this.#endReasoning()
    const item = this.#add(new ReasoningItem(this.#place('rs')))
    if (this.#keepsSeals) item.encrypted = seal(thought)
    this.#end(item)
  }

  annotate(annotation: unknown): void {
    this.#message?.annotate(annotation)
  }

  /** An item of this dialect that there is no word for. */
  keep(value: Json): void {
    this.#endMessage()
    this.#endReasoning()
    this.#end(this.#add(new ForeignItem(this.#place('item'), value)))
  }

  call({ index, id, name }: Extract<ModelEvent, { type: 'tool-call' }>): void {
    this.#endMessage()
    this.#endReasoning()
    const tool = this.#tools.get(name)
    const place = this.#place(tool?.isCustom === true ? 'ctc' : 'fc')
    this.#calls.set(index, this.#add(new CallItem(place, id, name, tool)))
  }

  callInput(index: number, json: string): void {
    this.#calls.get(index)?.add(json)
  }

  /** Whatever is still open ends with this status. Calls stay open until here: their inputs may come by turns. */
  close(status: ItemStatus): void {
    for (const item of this.#open) this.#end(item, status)
    this.#message = undefined
    this.#reasoning = undefined
  }

  #place(prefix: string): Place {
    const index = this.#items.length
    return new Place(index, `${prefix}_${this.#suffix}_${index}`, this.#emit)
  }

  #add<T extends Item>(item: T): T {
    this.#items.push(item)
    this.#open.add(item)
    this.#emit('response.output_item.added', { output_index: item.place.index, item: item.value() })
    return item
  }

  #end(item: Item, status: ItemStatus = 'completed'): void {
    if (!this.#open.delete(item)) return
    item.close(status)
    this.#emit('response.output_item.done', { output_index: item.place.index, item: item.value() })
  }

  #endMessage(): void {
    if (this.#message !== undefined) this.#end(this.#message)
    this.#message = undefined
  }

  #endReasoning(): void {
    if (this.#reasoning !== undefined) this.#end(this.#reasoning)
    this.#reasoning = undefined
  }
}
