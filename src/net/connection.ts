import type { Socket, TLSOptions } from 'bun'
import { Failure, type FailureCode } from '../core/failure.ts'
import type { Origin } from './address.ts'

/** Who uses a connection just now. After `ended` or `broken` nothing more comes. */
export interface ConnectionUser {
  opened(): void
  /** The bytes belong to the user. */
  received(bytes: Buffer): void
  /** The other side closed in good order. */
  ended(): void
  broken(failure: Failure): void
}

export interface ConnectionSettings {
  readonly connectTimeoutMs: number
  /** Certificates to trust instead of the machine's; undefined: the machine's. */
  readonly ca: string | undefined
}

const handlers = {
  open: (socket: Socket<Connection>): void => socket.data.onOpen(socket),
  handshake: (socket: Socket<Connection>, success: boolean, error: Error | null): void =>
    socket.data.onHandshake(success, error),
  data: (socket: Socket<Connection>, bytes: Buffer): void => socket.data.user?.received(bytes),
  drain: (socket: Socket<Connection>): void => socket.data.flush(),
  end: (socket: Socket<Connection>): void => socket.data.onEnd(),
  close: (socket: Socket<Connection>, error?: Error): void => socket.data.onClose(error),
  error: (socket: Socket<Connection>, error: Error): void => socket.data.onClose(error),
}

/** One TCP or TLS connection: bytes in, bytes out, and one user at a time. Begins to connect when it is made. */
export class Connection {
  readonly origin: Origin
  user: ConnectionUser | undefined
  #socket: Socket<Connection> | undefined
  #state: 'opening' | 'open' | 'closed' = 'opening'
  #timer: ReturnType<typeof setTimeout>
  #unsent: Uint8Array[] = []

  constructor(origin: Origin, settings: ConnectionSettings, user: ConnectionUser) {
    this.origin = origin
    this.user = user
    const { hostname, port } = origin
    const tls: TLSOptions | boolean = origin.tls && (settings.ca === undefined || { ca: settings.ca })
    this.#timer = setTimeout(() => this.#timedOut(settings.connectTimeoutMs), settings.connectTimeoutMs)
    Promise.try(() => Bun.connect<Connection>({ hostname, port, tls, data: this, socket: handlers })).catch(
      (error: unknown) => this.#break(this.#connectFailed(error)),
    )
  }

  /** All that was sent is in the kernel's hands. */
  get flushed(): boolean {
    return this.#unsent.length === 0
  }

  send(parts: readonly Uint8Array[]): void {
    this.#unsent.push(...parts)
    this.flush()
  }

  pause(): void {
    this.#socket?.pause()
  }

  resume(): void {
    this.#socket?.resume()
  }

  /** Closes in good order: for a connection that carries nothing any more. */
  close(): void {
    this.#forget()
    this.#socket?.end()
  }

  /** Closes at once, and lets the other side know with a reset: nobody reads any more. */
  destroy(): void {
    this.#forget()
    this.#socket?.terminate()
  }

  /** Writes what the kernel takes; the rest follows when the socket drains. */
  flush(): void {
    for (let part = this.#unsent[0]; part !== undefined && this.#state === 'open'; part = this.#unsent[0]) {
      const sent = this.#socket?.write(part) ?? -1
      if (sent < 0) return this.#break(this.#cut())
      if (sent < part.byteLength) {
        this.#unsent[0] = part.subarray(sent)
        return
      }
      this.#unsent.shift()
    }
  }

  onOpen(socket: Socket<Connection>): void {
    this.#socket = socket
    // A connect cannot be called off: given up meanwhile, it is closed as soon as it stands.
    if (this.#state === 'closed') socket.terminate()
    else if (!this.origin.tls) this.#opened()
  }

  onHandshake(success: boolean, error: Error | null): void {
    if (this.#state !== 'opening') return
    if (success) return this.#opened()
    // First the reason: closing has none of its own.
    this.#break(this.#connectFailed(error))
    this.#socket?.terminate()
  }

  onEnd(): void {
    if (this.#state !== 'open') return this.onClose()
    const user = this.user
    this.close()
    user?.ended()
  }

  onClose(error?: Error): void {
    this.#break(this.#state === 'opening' ? this.#connectFailed(error) : this.#cut(error))
  }

  #opened(): void {
    clearTimeout(this.#timer)
    this.#state = 'open'
    this.#socket?.setNoDelay(true)
    this.user?.opened()
  }

  #forget(): void {
    clearTimeout(this.#timer)
    this.#state = 'closed'
    this.user = undefined
  }

  #break(failure: Failure): void {
    const user = this.user
    this.#forget()
    user?.broken(failure)
  }

  #timedOut(afterMs: number): void {
    const user = this.user
    this.destroy()
    user?.broken(this.#failure('connect_timeout', `No connection to ${this.origin.key} in ${afterMs} ms.`))
  }

  #connectFailed(cause: unknown): Failure {
    const code = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : ''
    const message = /CERT|ISSUER/.test(code)
      ? `${this.origin.key} shows a certificate that is not trusted here${code}; NODE_EXTRA_CA_CERTS names a file with more.`
      : `No connection to ${this.origin.key}${code}.`
    return this.#failure('connect_failed', message, cause)
  }

  #cut(cause?: unknown): Failure {
    return this.#failure('upstream_cut', `The connection to ${this.origin.key} broke.`, cause)
  }

  #failure(code: FailureCode, message: string, cause?: unknown): Failure {
    return new Failure(code, { message, address: this.origin.key }, { cause })
  }
}
