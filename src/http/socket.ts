/** A WebSocket as the server gives it. */
export interface Wire {
  /** Resolves when there is room for more, or the connection is closed. */
  send(text: string): Promise<void>
}

/** What one connection does. */
export interface Session {
  open(wire: Wire): void
  message(text: string): void
  closed(): void
}

export interface Sockets {
  /** Largest message that is taken. */
  readonly maxBytes: number
  /** Undefined for a request that asks for no WebSocket, or at a path that has none; a response where it is refused. */
  accept(request: Request): Promise<Session | Response> | undefined
}

export const noSockets: Sockets = { maxBytes: 0, accept: () => undefined }

interface Data {
  readonly session: Session
  /** Whoever waits for room. */
  readonly waiting: (() => void)[]
}

type ServerSocket = Bun.ServerWebSocket<Data>

/** A connection whose other end answers no ping for so long is gone. */
const idleSeconds = 120

/** Undefined when the connection is the session's from here on. */
export async function upgraded(
  accepted: Promise<Session | Response>,
  request: Request,
  server: Bun.Server<Data>,
): Promise<Response | undefined> {
  const session = await accepted
  if (session instanceof Response) return session
  const isUpgraded = server.upgrade(request, { data: { session, waiting: [] } })
  return isUpgraded ? undefined : new Response(undefined, { status: 400 })
}

/** The server's own hooks, for sessions. */
export const socketHooks = (maxBytes: number): Bun.WebSocketHandler<Data> => ({
  maxPayloadLength: maxBytes,
  idleTimeout: idleSeconds,
  open: (socket) => socket.data.session.open(wireOf(socket)),
  message: (socket, message) =>
    socket.data.session.message(typeof message === 'string' ? message : message.toString()),
  drain: goOn,
  close: (socket) => {
    socket.data.session.closed()
    goOn(socket)
  },
})

function goOn({ data }: ServerSocket): void {
  for (const wake of data.waiting.splice(0)) wake()
}

const wireOf = (socket: ServerSocket): Wire => ({
  send: (text) => {
    // Negative: it was taken in, and waits for the client to read.
    if (socket.send(text) >= 0) return Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    socket.data.waiting.push(resolve)
    return promise
  },
})
