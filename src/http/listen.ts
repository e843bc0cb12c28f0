import { Failure } from '../core/failure.ts'
import { listenAddress } from '../core/listen-address.ts'
import { readable } from './path.ts'
import type { Crashed, Handler } from './server.ts'
import { noSockets, socketHooks, upgraded, type Sockets } from './socket.ts'

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
 * Opens the port of a `HOST:PORT`; port 0 takes a free one.
 * Throws `Failure('port_in_use' | 'listen_failed' | 'config_invalid')`.
 */
export function listen(
  address: string,
  handler: Handler,
  crashed: Crashed = noWord,
  sockets: Sockets = noSockets,
): Listening {
  const parts = listenAddress(address)
  if (parts === undefined) {
    throw new Failure('config_invalid', {
      message: `${address} is no address to listen on; write HOST:PORT.`,
      param: 'listen',
    })
  }
  const { host: hostname, port } = parts
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
      fetch: (request, own) => {
        const read = readable(request)
        const session = sockets.accept(read)
        return session === undefined ? handler(read) : upgraded(session, request, own)
      },
      websocket: socketHooks(sockets.maxBytes),
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
    const { code = 'unknown' } = thrown as { code?: string }
    if (code === 'EADDRINUSE') throw new Failure('port_in_use', `${address} is in use.`, { cause: thrown })
    const message = `Nothing can listen on ${address}: ${reasons[code] ?? code}.`
    throw new Failure('listen_failed', message, { cause: thrown })
  }
}

const reasons: Readonly<Record<string, string>> = {
  EADDRNOTAVAIL: 'it is no address of this machine',
  EACCES: 'this user may not open that port',
}

const noWord: Crashed = () => new Response(undefined, { status: 500 })
