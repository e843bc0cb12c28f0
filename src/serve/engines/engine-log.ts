import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

const maxBytes = 4 * 1024 * 1024
const tailBytes = 8 * 1024

/**
 * The log of one engine: a file that begins anew when it has grown too long, with one older file beside it (`.1`), and
 * the last words of this start in memory. Another process may write to the same file; its words are never among ours.
 */
export class EngineLog {
  readonly #path: string
  readonly #maxBytes: number
  #fd: number
  #size: number
  #tail = Buffer.alloc(0)

  constructor(path: string, most = maxBytes) {
    mkdirSync(dirname(path), { recursive: true })
    this.#path = path
    this.#maxBytes = most
    this.#fd = openSync(path, 'a', 0o600)
    this.#size = fstatSync(this.#fd).size
  }

  /** Never throws: a full disk takes lines from the file, not the engine from its users. */
  write(bytes: Uint8Array): void {
    this.#tail = Buffer.concat([this.#tail, bytes]).subarray(-tailBytes)
    try {
      if (this.#size > this.#maxBytes) this.#beginAnew()
      this.#size += writeSync(this.#fd, bytes)
    } catch {
      // The last words are still known.
    }
  }

  /** What was written last, since this log was opened. */
  tail(): string {
    return this.#tail.toString('utf8')
  }

  close(): void {
    closeSync(this.#fd)
  }

  #beginAnew(): void {
    renameSync(this.#path, `${this.#path}.1`)
    const fresh = openSync(this.#path, 'a', 0o600)
    closeSync(this.#fd)
    this.#fd = fresh
    this.#size = 0
  }
}
