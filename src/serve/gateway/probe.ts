import type { Upstream, Upstreams } from './upstreams.ts'

const probeTimeoutMs = 5000

/**
 * Looks after backends that rest, with a request that costs nothing and runs no model, so that one that is back is
 * used before a call has to try it. Returns how to stop.
 */
export function probeResting(upstreams: () => Upstreams, everyMs: number): () => void {
  if (everyMs === 0) return () => {}
  const timer = setInterval(() => {
    for (const upstream of upstreams().all()) if (upstream.health.resting().length > 0) void probe(upstream)
  }, everyMs)
  timer.unref()
  return () => clearInterval(timer)
}

async function probe({ backend, health }: Upstream): Promise<void> {
  if (backend.probe === undefined) return
  const call = AbortSignal.timeout(probeTimeoutMs)
  try {
    const opening = await backend.open({ row: '', backend: backend.name, model: '', behaviour: {} }, call)
    const reply = await backend.send(
      {
        method: 'GET',
        url: opening.url + backend.probe.path,
        headers: opening.headers,
        signal: call,
        connectTimeoutMs: probeTimeoutMs,
      },
      'public',
    )
    reply.body.cancel()
    opening.close()
    if (reply.status >= 200 && reply.status < 300) for (const resting of health.resting()) resting.probed()
  } catch {
    // Still down: the rest goes on, and the next look comes.
  }
}
