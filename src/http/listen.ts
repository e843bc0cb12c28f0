import { Failure } from '../core/failure.ts'
import { readable } from './path.ts'
import type { Crashed, Handler } from './server.ts'

export interface Listening {
  /** What clients put before `/v1`. */
  readonly url: string
  readonly hostname: string
  readonly port: number
  /** Lets answers that are already made go out, then closes everything. */
  stop(): Promise<void>
}

/** How long bytes of answers that have ended may take to go out. */
const flushMs = 2000

/**
 * Opens the port. `listen` is `HOST:PORT`, `[::1]:PORT` or `:PORT`; port 0 takes a free one.
 * Throws `Failure('port_in_use' | 'config_invalid')`.
 */
export function listen(address: string, handler: Handler, crashed: Crashed = noWord): Listening {
  const { hostname, port } = readAddress(address)
  try {
    const server = Bun.serve({
      hostname,
      port,
      // A silent answer is the gateway's business: it has deadlines and heartbeats of its own.
      idleTimeout: 0,
      // Sizes are checked where the error can be told in the client's dialect.
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      development: false,
      // Without this Bun shares the port with whoever has it, and nobody is told.
      reusePort: false,
      fetch: (request) => handler(readable(request)),
      // Bun would print the error with its words, which may be the client's.
      error: crashed,
    })
    const shown = hostname.includes(':') ? `[${hostname}]` : hostname
    return {
      url: `http://${shown}:${server.port}`,
      hostname,
      port: server.port ?? port,
      stop: async () => {
        const until = performance.now() + flushMs
        while (server.pendingRequests > 0 && performance.now() < until) await Bun.sleep(5)
        await server.stop(true)
      },
    }
  } catch (thrown) {
    if ((thrown as { code?: string }).code === 'EADDRINUSE') {
      throw new Failure('port_in_use', `${address} is in use.`, { cause: thrown })
    }
    throw new Failure('config_invalid', `Nothing can listen on ${address}: ${(thrown as Error).message}`, {
      cause: thrown,
    })
  }
}

const noWord: Crashed = () => new Response(undefined, { status: 500 })

const addressPattern = /^(?:\[([\da-f:.]+)\]|([^:]*)):(\d{1,5})$/i

export function readAddress(address: string): { readonly hostname: string; readonly port: number } {
  const match = addressPattern.exec(address)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) {
    throw new Failure('config_invalid', {
      message: `${address} is no address to listen on; write HOST:PORT.`,
      param: 'listen',
    })
  }
  return { hostname: match[1] ?? (match[2] === '' || match[2] === undefined ? '127.0.0.1' : match[2]), port }
}
