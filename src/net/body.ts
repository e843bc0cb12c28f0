import { Failure } from '../core/failure.ts'
import type { ByteSource } from '../core/send.ts'
import type { Stop } from '../core/stop.ts'
import { abortFailure } from './abort.ts'
import { readAll } from './all.ts'

/** Who fills a body, and wants to know how it is read. */
export interface BodyOwner {
  readonly signal: Stop
  /** There is room again after `push` said that there was none. */
  bodyDrained(): void
  /** The reader wants no more. */
  bodyCancelled(): void
}

/** Unread bytes at which the socket is paused. */
const limitBytes = 1024 * 1024
/** What an unread piece costs beside its bytes, so that many tiny pieces count too. */
const pieceBytes = 128

/** Bytes that have come and are not read yet, for one reader. What piled up is handed over as one piece. */
export class Body implements ByteSource {
  #owner: BodyOwner
  #pieces: Uint8Array[] = []
  #bytes = 0
  #ended = false
  #failure: Failure | undefined
  #resolve: ((piece: Uint8Array | undefined) => void) | undefined
  #reject: ((failure: Failure) => void) | undefined

  constructor(owner: BodyOwner) {
    this.#owner = owner
  }

  /** False when the reader is so far behind that no more should come. */
  push(piece: Uint8Array): boolean {
    const resolve = this.#resolve
    if (resolve === undefined) {
      this.#pieces.push(piece)
      this.#bytes += piece.byteLength + pieceBytes
      return this.#bytes < limitBytes
    }
    this.#resolve = this.#reject = undefined
    resolve(piece)
    return true
  }

  end(): void {
    this.#ended = true
    this.#resolve?.(undefined)
    this.#resolve = this.#reject = undefined
  }

  /** What was not read yet is dropped: an answer that is cut is an error, not a short answer. */
  fail(failure: Failure): void {
    if (this.#failure !== undefined) return
    this.#failure = failure
    this.#pieces = []
    this.#reject?.(failure)
    this.#resolve = this.#reject = undefined
  }

  read(): Promise<Uint8Array | undefined> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    // The call's own listener is gone once the last byte came; the signal still stops the reading.
    if (this.#owner.signal.aborted) return Promise.reject(abortFailure(this.#owner.signal))
    if (this.#pieces.length > 0) return Promise.resolve(this.#take())
    if (this.#ended) return Promise.resolve(undefined)
    if (this.#resolve !== undefined) {
      return Promise.reject(new Failure('internal', 'A body was read by two readers at once.'))
    }
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  all(limit: number): Promise<Uint8Array> {
    return readAll(this, limit)
  }

  cancel(): void {
    // Read to its end: nothing is given up, and a Failure costs a microsecond.
    if (this.#ended && this.#pieces.length === 0) return
    if (!this.#ended) this.#owner.bodyCancelled()
    this.fail(new Failure('client_left', 'Reading the answer was given up.'))
  }

  #take(): Uint8Array | undefined {
    const pieces = this.#pieces
    const wasFull = this.#bytes >= limitBytes
    this.#pieces = []
    this.#bytes = 0
    if (wasFull && !this.#ended) this.#owner.bodyDrained()
    return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces)
  }
}
