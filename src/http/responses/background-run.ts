import { Failure } from '../../core/failure.ts'
import { JsonText } from '../../core/json.ts'
import { inTurns } from '../../core/turns.ts'
import { itemIds, outputItems, type Item } from '../../serve/conversations/items.ts'
import type { KeptResponse } from '../../serve/conversations/response-store.ts'
import { sseMessage, ssePing } from '../../serve/stream/sse-writer.ts'
import { responseError } from '../../serve/surfaces/openai-responses-resource.ts'
import { EventMessages } from './event-messages.ts'
import { lastEvents } from './last-event.ts'

type Resource = Readonly<Record<string, unknown>>

interface Event {
  readonly type: string
  readonly sequence_number: number
  readonly response?: Resource
  readonly item?: Item
  readonly output_index?: number
}

export interface RunParts {
  readonly id: string
  readonly input: Uint8Array
  /** As it stands before anything came. */
  readonly queued: Resource
  /** Its events, as the gateway streams them. */
  readonly body: ReadableStream<Uint8Array>
  readonly maxBytes: number
  readonly keep: (kept: KeptResponse) => Promise<void>
  readonly stop: () => void
}

/** One response that is made without its client, with all its events so far. */
export class BackgroundRun {
  readonly ended: Promise<void>
  readonly #parts: RunParts
  readonly #events: { readonly number: number; readonly text: string }[] = []
  readonly #end = Promise.withResolvers<void>()
  #news = Promise.withResolvers<void>()
  #bytes = 0
  #resource: Resource
  /** What clients are told of: all but its end, until that is kept. */
  #told: { readonly resource: Resource; readonly events: number }
  #isCancelled = false
  #isOver = false

  constructor(parts: RunParts) {
    this.#parts = parts
    this.#resource = parts.queued
    this.#told = { resource: parts.queued, events: 0 }
    this.ended = this.#end.promise
  }

  get resource(): Resource {
    return this.#told.resource
  }

  /** Takes in the whole answer. Resolves when it is kept; rejects when it cannot be. */
  async read(): Promise<void> {
    try {
      await this.#readAll()
      await this.#parts.keep(await this.kept())
    } finally {
      this.#isOver = true
      this.#tell()
      this.#end.resolve()
    }
  }

  /** Gives it up. Resolves when that is kept. */
  async cancel(): Promise<void> {
    this.#isCancelled = true
    this.#parts.stop()
    await this.ended
  }

  /** The events after this number, those to come too; a comment where the answer has one. */
  follow(after: number): ReadableStream<Uint8Array> {
    const found = this.#events.findIndex(({ number }) => number > after)
    let at = found === -1 ? this.#events.length : found
    return new ReadableStream(
      {
        pull: async (controller) => {
          if (at >= this.#told.events && !this.#isOver) await this.#news.promise
          const event = at < this.#told.events ? this.#events[at] : undefined
          if (event !== undefined) at++
          controller.enqueue(encoder.encode(event?.text ?? (this.#isOver ? done : ssePing)))
          if (event === undefined && this.#isOver) controller.close()
        },
      },
      { highWaterMark: 0 },
    )
  }

  async kept(): Promise<KeptResponse> {
    const { id, input } = this.#parts
    const resource = await inTurns(JsonText.printed(this.#resource))
    return {
      id,
      input,
      resource: resource.bytes,
      items: await inTurns(itemIds(outputItems(resource))),
      ...(this.#events.length > 0 && {
        events: encoder.encode(this.#events.map(({ text }) => text).join('')),
      }),
    }
  }

  async #readAll(): Promise<void> {
    const messages = new EventMessages()
    for await (const chunk of this.#parts.body) {
      this.#bytes += chunk.length
      if (this.#bytes > this.#parts.maxBytes) {
        this.#parts.stop()
        this.#fail('upstream_too_large', `The answer takes more than ${this.#parts.maxBytes} bytes.`)
        return
      }
      for (const data of messages.push(chunk)) this.#see(JSON.parse(data) as Event)
      if (!isFinal(this.#resource)) this.#tell()
    }
    if (isFinal(this.#resource)) return
    if (this.#isCancelled) this.#resource = { ...this.#resource, status: 'cancelled' }
    else this.#fail('upstream_cut', 'The answer ended before it was complete.')
  }

  /** A vendor has an id of its own for it, and was told to keep nothing; the client knows ours. */
  #see(event: Event): void {
    const { response, item, output_index: index } = event
    if (response !== undefined) {
      const { id, store, background, previous_response_id } = this.#parts.queued
      this.#resource = { ...response, id, store, background, previous_response_id }
    } else if (event.type === 'response.output_item.done' && item !== undefined && index !== undefined) {
      const output = [...(this.#resource['output'] as readonly Item[])]
      output[index] = item
      this.#resource = { ...this.#resource, output }
    }
    this.#add(response === undefined ? event : { ...event, response: this.#resource })
  }

  #fail(code: 'upstream_too_large' | 'upstream_cut', message: string): void {
    const error = responseError(new Failure(code, message), this.#parts.id)
    this.#resource = { ...this.#resource, status: 'failed', error }
    const number = (this.#events.at(-1)?.number ?? -1) + 1
    this.#add({ type: 'response.failed', sequence_number: number, response: this.#resource })
  }

  #add(event: Event): void {
    const text = sseMessage(JSON.stringify(event), event.type)
    this.#events.push({ number: event.sequence_number, text })
  }

  #tell(): void {
    this.#told = { resource: this.#resource, events: this.#events.length }
    this.#news.resolve()
    this.#news = Promise.withResolvers()
  }
}

const isFinal = ({ status }: Resource): boolean => lastEvents.includes(`response.${String(status)}`)

export const done = 'data: [DONE]\n\n'
const encoder = new TextEncoder()
