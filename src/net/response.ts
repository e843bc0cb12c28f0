import { Failure } from '../core/failure.ts'
import { ChunkReader } from './chunked.ts'
import { ResponseHead } from './head.ts'

const headLimitBytes = 64 * 1024
const blankLine = '\r\n\r\n'

const invalid = (what: string): never => {
  throw new Failure('upstream_invalid', `The upstream’s response ${what}.`)
}

/** Reads one HTTP/1.1 response from bytes at any split. No I/O. All throws are `Failure`. */
export class ResponseReader {
  /** The final head, once it is whole; 1xx heads before it are skipped. */
  head: ResponseHead | undefined
  /** The response has ended. */
  done = false
  /** Bytes came after the end: the connection is not to be trusted with another call. */
  surplus = false
  /** Any byte came at all. */
  started = false
  #early: Buffer | undefined
  #headBytes = 0
  #left = 0
  #chunks: ChunkReader | undefined

  /** Takes the bytes over and gives back the body bytes that they carried, decoded from their framing. */
  push(bytes: Buffer): Uint8Array | undefined {
    this.started = true
    return this.head === undefined ? this.#pushHead(bytes) : this.#pushBody(bytes, 0)
  }

  /** The upstream closed its side. Throws `Failure('upstream_cut')` if the response was not complete. */
  end(): void {
    if (this.head?.framing === 'close') this.done = true
    if (!this.done)
      throw new Failure('upstream_cut', 'The upstream closed the connection before its answer was complete.')
  }

  #pushHead(fresh: Buffer): Uint8Array | undefined {
    let bytes = fresh
    let searched = 0
    if (this.#early !== undefined) {
      searched = Math.max(0, this.#early.length - blankLine.length + 1)
      bytes = Buffer.concat([this.#early, fresh])
      this.#early = undefined
    }
    let start = 0
    while (this.head === undefined) {
      const end = bytes.indexOf(blankLine, searched, 'latin1')
      const size = (end < 0 ? bytes.length : end + blankLine.length) - start
      if (this.#headBytes + size > headLimitBytes) invalid('has too long a head')
      if (end < 0) {
        this.#early = bytes.subarray(start)
        return undefined
      }
      this.#headBytes += size
      this.#takeHead(new ResponseHead(bytes.toString('latin1', start, end)))
      start = searched = end + blankLine.length
    }
    return this.#pushBody(bytes, start)
  }

  #takeHead(head: ResponseHead): void {
    if (head.status === 101) invalid('switches to a protocol that nobody asked for')
    if (head.status < 200) return
    this.head = head
    if (head.framing === 'chunked') this.#chunks = new ChunkReader()
    else if (head.framing === 'close') this.#left = Infinity
    else this.#left = head.framing
  }

  #pushBody(bytes: Buffer, start: number): Uint8Array | undefined {
    if (this.#chunks !== undefined) {
      const piece = this.#chunks.push(bytes, start)
      this.done = this.#chunks.done
      this.surplus = this.#chunks.used < bytes.length
      return piece
    }
    const end = Math.min(bytes.length, start + this.#left)
    this.#left -= end - start
    this.done = this.#left === 0
    this.surplus = end < bytes.length
    if (end === start) return undefined
    return start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end)
  }
}
