import { JsonText } from '../core/json.ts'
import type { Identity } from '../core/guard.ts'
import type { ModelRequest } from '../core/request.ts'
import { nobodyFor, type Gateway, type Incoming } from '../serve/gateway/gateway.ts'
import { largestLoad, loadAnswer, loadWish, type LoadWish } from '../serve/surfaces/ollama-load.ts'
import type { Around } from './server.ts'

/**
 * Ollama's calls that ask nothing load their model instead, or let go of it. They take from the caller's limits as any
 * call does, but are no call to a model: the ledger has no row for them.
 */
export const loading =
  (gateway: Gateway, now: () => number): Around =>
  async (call, handle) => {
    if (gateway.isDraining) return handle(call)
    let identity: Identity
    try {
      identity = await call.identify(gateway.setup.guard)
    } catch {
      // The way of every call says it better, and before the body is read.
      return handle(call)
    }
    const body = call.body()
    const again: Incoming = {
      surface: call.surface,
      tags: call.tags,
      identify: () => identity,
      signal: () => call.signal(),
      header: (name) => call.header(name),
      body: () => body,
    }
    const asked = await body.then((bytes) => wished(call, bytes)).catch(() => undefined)
    if (asked === undefined) return handle(again)
    await load(gateway, asked.request, identity, asked.wish, call.signal())
    return Response.json(loadAnswer(asked.request, asked.wish, now()), {
      headers: asked.wish === 'load' ? {} : { 'x-inhouse-warning': 'keep_alive' },
    })
  }

interface Wished {
  readonly request: ModelRequest
  readonly wish: LoadWish
}

function wished(call: Incoming, bytes: Uint8Array): Wished | undefined {
  if (bytes.length > largestLoad) return undefined
  const request = call.surface.parse(JsonText.parse(bytes), (name) => call.header(name))
  const wish = loadWish(request)
  return wish === undefined ? undefined : { request, wish }
}

/** Loading waits until the model can answer. What runs here is unloaded when nobody uses it, and not before. */
async function load(
  { setup }: Gateway,
  request: ModelRequest,
  identity: Identity,
  wish: LoadWish,
  signal: AbortSignal,
): Promise<void> {
  const { guard, route, upstreams } = setup
  const decided = route(request, identity, upstreams.standing)
  const [target] = decided.targets
  const { operation, model } = request
  const admission = guard.admit(identity, { operation, model, row: target?.row ?? model, tokens: 0 })
  try {
    if (target === undefined) throw nobodyFor(request, decided)
    if (wish === 'unload') return
    const opening = await upstreams.get(target.backend).backend.open(target, signal)
    opening.close()
  } finally {
    admission.close({})
  }
}
