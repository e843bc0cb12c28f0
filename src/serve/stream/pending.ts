import { Failure } from '../../core/failure.ts'

export const defaultMessageBytes = 1024 * 1024

/** The pieces of a message whose end has not come yet. Throws `Failure('upstream_invalid')` past `limitBytes`. */
export class Pending {
  readonly #limitBytes: number
  #pieces: Uint8Array[] = []
  #length = 0

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  get isEmpty(): boolean {
    return this.#length === 0
  }

  add(piece: Uint8Array): void {
    if (piece.length === 0) return
    this.#measure(piece)
    this.#pieces.push(piece)
    this.#length += piece.length
  }

  /** The message, with its last piece. */
  take(last?: Uint8Array): Uint8Array {
    if (last !== undefined) this.#measure(last)
    if (last !== undefined && this.#length === 0) return last
    const message = Buffer.concat(last === undefined ? this.#pieces : [...this.#pieces, last])
    this.#pieces = []
    this.#length = 0
    return message
  }

  #measure(piece: Uint8Array): void {
    if (this.#length + piece.length <= this.#limitBytes) return
    throw new Failure(
      'upstream_invalid',
      `The backend sent a message of more than ${this.#limitBytes} bytes in its stream.`,
    )
  }
}
