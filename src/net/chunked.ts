import { Failure } from '../core/failure.ts'

type State =
  | 'size'
  | 'extension'
  | 'size-end'
  | 'data'
  | 'data-return'
  | 'data-end'
  | 'line-start'
  | 'trailer'
  | 'trailer-end'
  | 'end'
  | 'done'

const limits = { sizeDigits: 12, extensionBytes: 16 * 1024, trailerBytes: 64 * 1024 }
const tab = 0x09
const lineFeed = 0x0a
const carriageReturn = 0x0d
const space = 0x20
const semicolon = 0x3b

const invalid = (what: string): never => {
  throw new Failure('upstream_invalid', `The upstream’s chunked body ${what}.`)
}

const hexDigit = (byte: number): number => {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

/** Undoes the chunked transfer encoding, at any split. Extensions and trailers are skipped, within bounds. */
export class ChunkReader {
  done = false
  /** After a push that ended the body: how many of its bytes belonged to the body. */
  used = 0
  #state: State = 'size'
  #left = 0
  #digits = 0
  /** Of one extension, or of all trailers. */
  #skipped = 0

  /**
   * Takes bytes from `start` on and gives back what they carried, as one piece. Owns the bytes: where there are
   * several chunks, their data is moved together in place. Throws `Failure('upstream_invalid')`.
   */
  push(bytes: Uint8Array, start: number): Uint8Array | undefined {
    let at = start
    let first = -1
    let last = -1
    while (at < bytes.length && this.#state !== 'done') {
      if (this.#state !== 'data') {
        this.#state = this.#after(bytes[at] ?? 0)
        at += 1
        continue
      }
      const take = Math.min(this.#left, bytes.length - at)
      if (first < 0) first = last = at
      else bytes.copyWithin(last, at, at + take)
      last += take
      at += take
      this.#left -= take
      if (this.#left === 0) this.#state = 'data-return'
    }
    this.done = this.#state === 'done'
    this.used = at
    return first < 0 ? undefined : bytes.subarray(first, last)
  }

  /** The state after one byte of framing. */
  #after(byte: number): State {
    switch (this.#state) {
      case 'size': {
        const digit = hexDigit(byte)
        if (digit >= 0) {
          this.#digits += 1
          if (this.#digits > limits.sizeDigits) invalid('has a chunk size out of range')
          this.#left = this.#left * 16 + digit
          return 'size'
        }
        if (this.#digits === 0) invalid('has a chunk without a size')
        if (byte === carriageReturn) return 'size-end'
        return byte === semicolon || byte === space || byte === tab
          ? 'extension'
          : invalid('has a chunk size that is no number')
      }
      case 'extension':
        return byte === carriageReturn ? 'size-end' : this.#skip(byte, 'extension', limits.extensionBytes)
      case 'size-end':
        if (byte !== lineFeed) invalid('has a broken line end')
        this.#digits = 0
        this.#skipped = 0
        return this.#left === 0 ? 'line-start' : 'data'
      case 'data-return':
        return byte === carriageReturn ? 'data-end' : invalid('has a chunk longer than its size')
      case 'data-end':
        return byte === lineFeed ? 'size' : invalid('has a broken line end')
      case 'line-start':
        return byte === carriageReturn ? 'end' : this.#skip(byte, 'trailer', limits.trailerBytes)
      case 'trailer':
        return byte === carriageReturn ? 'trailer-end' : this.#skip(byte, 'trailer', limits.trailerBytes)
      case 'trailer-end':
        return byte === lineFeed ? 'line-start' : invalid('has a broken line end')
      default:
        return byte === lineFeed ? 'done' : invalid('has a broken line end')
    }
  }

  #skip(byte: number, state: State, limit: number): State {
    this.#skipped += 1
    if (this.#skipped > limit) invalid('has too long an extension or trailer')
    if (byte === lineFeed) invalid('has a broken line end')
    return state
  }
}
