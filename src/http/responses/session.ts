import { Failure, asFailure } from '../../core/failure.ts'
import type { Guard, Identity } from '../../core/guard.ts'
import { JsonText } from '../../core/json.ts'
import type { Earlier } from '../../serve/conversations/turn.ts'
import type { Gateway, Incoming } from '../../serve/gateway/gateway.ts'
import { openAiError } from '../../serve/surfaces/openai-error.ts'
import { openAiResponses } from '../../serve/surfaces/openai-responses.ts'
import { tagsOf } from '../credential.ts'
import type { Session, Wire } from '../socket.ts'
import { EventMessages } from './event-messages.ts'
import { keeping, type KeepingParts } from './kept-call.ts'

export interface SessionParts extends KeepingParts {
  readonly gateway: Gateway
  readonly headers: Headers
  /** Whose connection it is; asked anew for each turn. */
  readonly identify: (guard: Guard) => Identity | Promise<Identity>
  readonly newId: () => string
  readonly now: () => number
}

/** Messages that may wait behind the one that is answered. */
const mostWaiting = 16

/**
 * A connection in WebSocket mode: each `response.create` is a turn, one after the other, answered by the events of a
 * stream. The last response is known here also where it is not kept.
 */
export class ResponsesSession implements Session {
  readonly #parts: SessionParts
  /** Gives up the turn that is answered. Each has its own, or what listens to it would stay as long as the connection. */
  #stop = new AbortController()
  readonly #waiting: string[] = []
  #wire: Wire | undefined
  #last: { readonly id: string; readonly earlier: Earlier } | undefined
  #isBusy = false

  constructor(parts: SessionParts) {
    this.#parts = parts
  }

  open(wire: Wire): void {
    this.#wire = wire
  }

  message(text: string): void {
    if (this.#waiting.length >= mostWaiting) {
      const message = `${mostWaiting} messages wait on this connection already.`
      void this.#refuse(new Failure('rate_limited', message))
      return
    }
    this.#waiting.push(text)
    if (!this.#isBusy) void this.#work()
  }

  closed(): void {
    this.#waiting.length = 0
    this.#stop.abort()
  }

  async #work(): Promise<void> {
    this.#isBusy = true
    for (let text = this.#waiting.shift(); text !== undefined; text = this.#waiting.shift()) {
      try {
        await this.#turn(text)
      } catch (thrown) {
        await this.#refuse(asFailure(thrown))
      }
    }
    this.#isBusy = false
  }

  async #turn(text: string): Promise<void> {
    this.#stop = new AbortController()
    const message = await JsonText.read(new TextEncoder().encode(text))
    if (message.get('type') !== 'response.create') {
      throw new Failure('bad_request', { message: '`type` must be response.create.', param: 'type' })
    }
    const around = keeping(this.#parts, {
      recall: (id) => (this.#last?.id === id ? this.#last.earlier : undefined),
      remember: (id, earlier) => void (this.#last = { id, earlier }),
    })
    const { gateway } = this.#parts
    const isWarmUp = message.get('generate') === false
    const response = await around(this.#call(bodyOf(message)), (call) =>
      isWarmUp ? this.#warmUp(call) : gateway.handle(call),
    )
    if (!response.ok) {
      // Its client begins anew, with all that was before.
      if (this.#last?.id === message.get('previous_response_id')) this.#last = undefined
      return this.#fail(response.status, await response.text())
    }
    const messages = new EventMessages()
    for await (const chunk of response.body ?? []) {
      for (const data of messages.push(chunk)) await this.#wire?.send(data)
    }
  }

  /** Takes in what a later turn begins with. No model is asked. */
  async #warmUp(call: Incoming): Promise<Response> {
    const { gateway, newId, now } = this.#parts
    await call.identify(gateway.setup.guard)
    const request = openAiResponses.parse(await JsonText.read(await call.body()), (name) => call.header(name))
    const facts = { requestId: newId(), created: Math.floor(now() / 1000), request }
    const events = openAiResponses.stream(facts).write({ type: 'end' })
    return new Response(events as string, { headers: { 'content-type': openAiResponses.contentType.stream } })
  }

  #call(body: Uint8Array): Incoming {
    const { headers, identify } = this.#parts
    const { signal } = this.#stop
    return {
      surface: openAiResponses,
      tags: tagsOf(headers),
      identify,
      signal: () => signal,
      header: (name) => headers.get(name) ?? undefined,
      body: async () => body,
    }
  }

  async #refuse(failure: Failure): Promise<void> {
    await this.#fail(failure.status, openAiError(failure, this.#parts.newId()))
  }

  async #fail(status: number, body: string): Promise<void> {
    const { error } = JSON.parse(body) as {
      readonly error: { readonly code: unknown; readonly type: unknown }
    }
    const event = { type: 'error', status, error: { ...error, code: error.code ?? error.type } }
    await this.#wire?.send(JSON.stringify(event))
  }
}

/** The request that a message is. What it takes to go on without the store comes with the answer. */
function bodyOf(message: JsonText): Uint8Array {
  const include = message.get('include')
  const included: readonly unknown[] = Array.isArray(include) ? include : []
  const edits = {
    type: undefined,
    generate: undefined,
    background: undefined,
    stream_options: undefined,
    stream: true,
    ...(message.get('store') === false && !included.includes(seal) && { include: [...included, seal] }),
  }
  return message.edit(Object.entries(edits).map(([key, value]) => ({ path: [key], value })))
}

const seal = 'reasoning.encrypted_content'
