import type { Failure } from '../core/failure.ts'
import type { UpstreamCall, UpstreamReply } from '../core/send.ts'
import type { Stop } from '../core/stop.ts'
import { abortFailure } from './abort.ts'
import type { Address } from './address.ts'
import { Body, type BodyOwner } from './body.ts'
import { Connection, type ConnectionUser } from './connection.ts'
import type { Pool } from './pool.ts'
import { encodeRequest } from './request.ts'
import { ResponseReader } from './response.ts'

/** One call over one connection: the request out, the response in. It is the reply as well. */
export class Exchange implements UpstreamReply, ConnectionUser, BodyOwner {
  status = 0
  readonly body = new Body(this)
  readonly signal: Stop
  readonly #call: UpstreamCall
  readonly #address: Address
  readonly #pool: Pool
  readonly #ca: string | undefined
  readonly #request: readonly Uint8Array[]
  readonly #reader = new ResponseReader()
  readonly #answer: (reply: Exchange) => void
  readonly #refuse: (failure: Failure) => void
  #connection: Connection | undefined
  /** The connection has carried a call before. */
  #reused = false
  #paused = false

  constructor(
    call: UpstreamCall,
    address: Address,
    pool: Pool,
    ca: string | undefined,
    answer: (reply: Exchange) => void,
    refuse: (failure: Failure) => void,
  ) {
    this.signal = call.signal
    this.#call = call
    this.#address = address
    this.#pool = pool
    this.#ca = ca
    this.#request = encodeRequest(call, address.host, address.target)
    this.#answer = answer
    this.#refuse = refuse
    if (call.signal.aborted) throw abortFailure(call.signal)
    call.signal.addEventListener('abort', this)
    this.#connection = pool.take(address.origin, this)
    this.#reused = this.#connection !== undefined
    if (this.#reused) this.opened()
    else this.#connect()
  }

  header(name: string): string | undefined {
    return this.#reader.head?.header(name)
  }

  /** The signal fired. */
  handleEvent(): void {
    this.#fail(abortFailure(this.signal))
  }

  opened(): void {
    this.#connection?.send(this.#request)
  }

  received(bytes: Buffer): void {
    const reader = this.#reader
    let piece: Uint8Array | undefined
    try {
      piece = reader.push(bytes)
    } catch (failure) {
      return this.#fail(failure as Failure)
    }
    if (this.status === 0 && reader.head !== undefined) this.#begin(reader.head.status)
    const room = piece === undefined || this.body.push(piece)
    if (reader.done) return this.#complete()
    if (!room && !this.#paused) {
      this.#paused = true
      this.#connection?.pause()
    }
  }

  ended(): void {
    if (this.#retry()) return
    try {
      this.#reader.end()
    } catch (failure) {
      return this.#fail(failure as Failure)
    }
    this.#complete()
  }

  broken(failure: Failure): void {
    if (!this.#retry()) this.#fail(failure)
  }

  bodyDrained(): void {
    this.#paused = false
    this.#connection?.resume()
  }

  bodyCancelled(): void {
    this.#letGo()?.destroy()
  }

  #connect(): void {
    const { connectTimeoutMs } = this.#call
    this.#connection = new Connection(this.#address.origin, { connectTimeoutMs, ca: this.#ca }, this)
  }

  /**
   * A kept connection may have been closed by the server while the call was on its way. The call is sent again, once,
   * on a fresh connection, if no byte of an answer came and it cannot have been acted on: a POST only if part of it
   * never left, since a server that has all of it may be at work already (and a model's work costs).
   */
  #retry(): boolean {
    if (!this.#reused || this.#reader.started) return false
    if (this.#call.method !== 'GET' && this.#connection?.flushed !== false) return false
    this.#reused = false
    this.#connect()
    return true
  }

  #begin(status: number): void {
    this.status = status
    this.#answer(this)
  }

  /** The response has ended: the connection is kept if it is clean. */
  #complete(): void {
    const { head, surplus } = this.#reader
    const connection = this.#letGo()
    if (connection !== undefined) {
      // What was decrypted already still comes after a pause, so the end can too.
      if (this.#paused) connection.resume()
      if (!connection.flushed) connection.destroy()
      else if (head?.keepAlive === true && !surplus)
        this.#pool.keep(connection, head.idleMs, head.framing === 'chunked')
      else connection.close()
    }
    this.body.end()
  }

  #fail(failure: Failure): void {
    this.#letGo()?.destroy()
    if (this.status === 0) this.#refuse(failure)
    else this.body.fail(failure)
  }

  /** From here on neither the signal nor the connection reaches this call. */
  #letGo(): Connection | undefined {
    const connection = this.#connection
    this.#connection = undefined
    this.signal.removeEventListener('abort', this)
    if (connection !== undefined) connection.user = undefined
    return connection
  }
}
