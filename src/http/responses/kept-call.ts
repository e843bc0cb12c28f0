import type { Failure } from '../../core/failure.ts'
import { asFailure } from '../../core/failure.ts'
import type { Guard, Identity } from '../../core/guard.ts'
import { JsonText, type Edit } from '../../core/json.ts'
import type { Surface } from '../../core/surface.ts'
import { paced } from '../../core/turns.ts'
import { itemIds, outputItems } from '../../serve/conversations/items.ts'
import type { KeptResponse, ResponseStore } from '../../serve/conversations/response-store.ts'
import { beginTurn, type Earlier, type Turn } from '../../serve/conversations/turn.ts'
import type { Incoming } from '../../serve/gateway/gateway.ts'
import type { Around } from '../server.ts'
import type { BackgroundRuns } from './background.ts'
import { watchLast, type Reading } from './last-event.ts'

export interface KeepingParts {
  readonly responses: ResponseStore
  readonly runs: BackgroundRuns
  /** What a request may take with the conversation before it. */
  readonly maxTurnBytes: () => number
  /** Told what could not be kept; for the log. */
  readonly failed: (failure: Failure, requestId: string) => void
}

/** The last response of a connection: known there also where it is not kept. */
export interface Memory {
  recall(id: string): Earlier | undefined
  remember(id: string, earlier: Earlier): void
}

/** Calls of the responses: before them their conversation is looked up, after them they are kept. */
export const keeping =
  (parts: KeepingParts, memory?: Memory): Around =>
  async (call, handle) => {
    const kept = new KeptCall(call, parts, memory)
    return kept.answer(await handle(kept))
  }

/** What is counted is the whole conversation too. */
export const counting =
  ({ responses, maxTurnBytes }: KeepingParts): Around =>
  async (call, handle) => {
    let owner = ''
    const known = (identity: Identity): Identity => {
      owner = identity.key
      return identity
    }
    return handle({
      surface: call.surface,
      tags: call.tags,
      identify: (guard) => {
        const identified = call.identify(guard)
        return identified instanceof Promise ? identified.then(known) : known(identified)
      },
      signal: () => call.signal(),
      header: (name) => call.header(name),
      body: async () => {
        const past = { owner, store: responses, maxBytes: maxTurnBytes() }
        return (await beginTurn(await call.body(), past)).body
      },
    })
  }

/** As asked, but for the conversation before it, which its body has as well. */
class KeptCall implements Incoming {
  readonly surface: Surface
  readonly tags: readonly string[]
  readonly #call: Incoming
  readonly #parts: KeepingParts
  readonly #memory: Memory | undefined
  readonly #stop = new AbortController()
  #isLinked = false
  #owner = ''
  #turn: Turn | undefined

  constructor(call: Incoming, parts: KeepingParts, memory: Memory | undefined) {
    this.surface = call.surface
    this.tags = call.tags
    this.#call = call
    this.#parts = parts
    this.#memory = memory
  }

  identify(guard: Guard): Identity | Promise<Identity> {
    const identified = this.#call.identify(guard)
    const known = (identity: Identity): Identity => {
      this.#owner = identity.key
      return identity
    }
    return identified instanceof Promise ? identified.then(known) : known(identified)
  }

  /** In the background it goes on when its client has left. */
  signal(): AbortSignal {
    if (this.#isLinked) return this.#stop.signal
    this.#isLinked = true
    const client = this.#call.signal()
    const left = (): void => {
      if (this.#turn?.isBackground !== true) this.#stop.abort()
    }
    if (client.aborted) left()
    else client.addEventListener('abort', left, { once: true })
    return this.#stop.signal
  }

  header(name: string): string | undefined {
    return this.#call.header(name)
  }

  async body(): Promise<Uint8Array> {
    const memory = this.#memory
    this.#turn = await beginTurn(await this.#call.body(), {
      owner: this.#owner,
      store: this.#parts.responses,
      maxBytes: this.#parts.maxTurnBytes(),
      ...(memory !== undefined && { recall: (id) => memory.recall(id) }),
    })
    return this.#turn.body
  }

  /** The answer for the client, kept where it is to be. */
  async answer(response: Response): Promise<Response> {
    const turn = this.#turn
    if (turn === undefined || !response.ok || response.body === null) return response
    const headers = warned(response.headers, turn.warnings)
    const { body } = response
    if (turn.isBackground) {
      const stop = (): void => this.#stop.abort()
      return this.#parts.runs.start({ owner: this.#owner, turn, surface: this.surface, body, headers, stop })
    }
    if (!turn.isKept && this.#memory === undefined) return new Response(body, { headers })
    const ended = (reading: Reading): Promise<void> => this.#keep(reading, turn, headers)
    if (headers.get('content-type')?.startsWith('text/event-stream') === true) {
      return new Response(watchLast(body, ended), { headers })
    }
    const bytes = await response.bytes()
    await ended(JsonText.read(bytes))
    return new Response(bytes, { headers })
  }

  /** What cannot be read or kept is answered all the same: it has been paid for. */
  async #keep(reading: Reading, turn: Turn, headers: Headers): Promise<void> {
    try {
      const resource = await reading
      const id = resource?.get('id')
      if (resource === undefined || typeof id !== 'string') return
      this.#memory?.remember(id, { input: turn.input, output: outputItems(resource) })
      if (turn.isKept) await this.#parts.responses.keep(this.#owner, await keptResponse(id, resource, turn))
    } catch (thrown) {
      this.#parts.failed(asFailure(thrown), headers.get('x-inhouse-request-id') ?? '')
    }
  }
}

function warned(headers: Headers, warnings: readonly string[]): Headers {
  const all = new Headers(headers)
  const told = all.get('x-inhouse-warning')
  if (warnings.length > 0)
    all.set('x-inhouse-warning', [...(told === null ? [] : [told]), ...warnings].join('; '))
  return all
}

/** A vendor was told to keep nothing and to know of no other response: what we keep says what the client asked for. */
async function keptResponse(id: string, resource: JsonText, turn: Turn): Promise<KeptResponse> {
  const facts = { store: turn.isKept, previous_response_id: turn.previous ?? null }
  const edits: Edit[] = Object.entries(facts)
    .filter(([key, value]) => resource.get(key) !== value)
    .map(([key, value]) => ({ path: [key], value }))
  const output = outputItems(resource)
  return {
    id,
    input: turn.input,
    resource: await paced(resource.bytes.length, resource.editing(edits)),
    items: await paced(output.length, itemIds(output)),
  }
}
