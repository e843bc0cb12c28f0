import { closeSync, copyFileSync, fstatSync, ftruncateSync, mkdirSync, openSync, readSync } from 'node:fs'
import { dirname } from 'node:path'

const maxBytes = 4 * 1024 * 1024
const checkMs = 10_000
const tailBytes = 8 * 1024

/**
 * The log of one engine. The engine writes it itself, so that its words cost us nothing; we only look now and then
 * whether it has grown too long, keep one older file beside it (`.1`) and let it begin again.
 */
export class EngineLog {
  readonly path: string
  /** For the engine's standard output and error. */
  readonly fd: number
  readonly #maxBytes: number
  readonly #timer: ReturnType<typeof setInterval>
  #start: number

  constructor(
    path: string,
    limits: { readonly maxBytes: number; readonly checkMs: number } = { maxBytes, checkMs },
  ) {
    mkdirSync(dirname(path), { recursive: true })
    this.path = path
    this.#maxBytes = limits.maxBytes
    // Opened to append: after a cut the engine goes on at the new end.
    this.fd = openSync(path, 'a+', 0o600)
    this.rotate()
    this.#start = fstatSync(this.fd).size
    this.#timer = setInterval(() => this.rotate(), limits.checkMs)
    this.#timer.unref()
  }

  /** What was written last, since this log was opened. */
  tail(): string {
    const { size } = fstatSync(this.fd)
    const from = Math.max(size - tailBytes, Math.min(this.#start, size))
    const buffer = Buffer.alloc(size - from)
    return buffer.toString('utf8', 0, readSync(this.fd, buffer, 0, buffer.length, from))
  }

  rotate(): void {
    try {
      if (fstatSync(this.fd).size <= this.#maxBytes) return
      copyFileSync(this.path, `${this.path}.1`)
    } catch {
      // A full disk: the older lines are given up, so that the log does not fill it further.
    }
    ftruncateSync(this.fd)
    this.#start = 0
  }

  close(): void {
    clearInterval(this.#timer)
    closeSync(this.fd)
  }
}
