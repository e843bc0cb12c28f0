import type { Options } from '../options.ts'
import { reasonOf } from '../reason.ts'
import type { Upstream } from '../upstreams/upstream.ts'
import { inhouse } from './inhouse.ts'
import { litellm } from './litellm.ts'
import { nginx } from './nginx.ts'
import type { Gateway, Peer } from './peer.ts'
import { portkey } from './portkey.ts'

/** Those that are only measured when asked for; the name is what `--peer` takes. */
const extra: Readonly<Record<string, Peer>> = { litellm }

export interface Peers extends AsyncDisposable {
  readonly gateways: readonly Gateway[]
  /** Which could not be started, and why. */
  readonly missing: readonly string[]
}

/** Starts all that this run compares. One that does not start is named in the report, and the others are measured. */
export async function startPeers(options: Options, upstreams: readonly Upstream[]): Promise<Peers> {
  const asked = options.peers.map((name) => {
    const peer = extra[name]
    if (peer === undefined) throw new Error(`--peer ${name}: one of ${Object.keys(extra).join(', ')}`)
    return peer
  })
  const stack = new AsyncDisposableStack()
  const gateways: Gateway[] = []
  const missing: string[] = []
  for (const peer of [nginx, inhouse(options.program), portkey, ...new Set(asked)]) {
    try {
      const gateway = await peer.start(upstreams)
      stack.use(gateway.child)
      gateways.push(gateway)
    } catch (error) {
      missing.push(`${peer.name} was not measured: ${reasonOf(error)}`)
    }
  }
  return { gateways, missing, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}
