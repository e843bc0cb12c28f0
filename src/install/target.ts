import { link, mkdir, open } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

import { Failure } from '../core/failure.ts'
import { diskFailure } from './disk.ts'
import type { Watch } from './progress.ts'

export interface Limits {
  /** Bytes of all files together. */
  readonly maxBytes: number
  readonly maxFiles: number
}

const usual: Limits = { maxBytes: 16 * 1024 ** 3, maxFiles: 100_000 }

/** The one door through which an archive's content reaches the disk: checks each name, counts each byte. */
export class Target {
  readonly #archive: string
  readonly #folder: string
  readonly #limits: Limits
  readonly #watch: Watch
  /** Lower case, since disks of macOS take `A` and `a` for one name. */
  readonly #names = new Set<string>()
  #entries = 0
  #bytes = 0

  constructor(archive: string, folder: string, options: Watch & Partial<Limits>) {
    this.#archive = basename(archive)
    this.#folder = folder
    this.#limits = { ...usual, ...options }
    this.#watch = options
  }

  unsafe(message: string): Failure {
    return new Failure('archive_unsafe', `${this.#archive}: ${message}`)
  }

  /** Where `name` may stand. Throws for a name that leads out, means different things on different systems, or came before. */
  claim(name: string): string {
    if (!isSafePath(name)) throw this.unsafe(`the path ${JSON.stringify(name)} is not a plain one`)
    const key = name.toLowerCase().normalize('NFC')
    if (this.#names.has(key)) throw this.unsafe(`${JSON.stringify(name)} is in it twice`)
    this.#names.add(key)
    this.count()
    return join(this.#folder, name)
  }

  /** One more entry of whatever kind: an archive of nothing but names takes time too. */
  count(): void {
    this.#entries += 1
    if (this.#entries > this.#limits.maxFiles) {
      throw this.unsafe(`it has more than ${this.#limits.maxFiles} entries`)
    }
  }

  async folder(name: string): Promise<void> {
    const plain = name.replace(/\/$/, '')
    if (!isSafePath(plain)) throw this.unsafe(`the path ${JSON.stringify(name)} is not a plain one`)
    this.count()
    await mkdir(join(this.#folder, plain), { recursive: true }).catch((error: unknown) => {
      throw this.#asUnsafe(diskFailure(error, this.#folder))
    })
  }

  /** Writes one file; `chunks` must give exactly `bytes`. */
  async file(
    name: string,
    bytes: number,
    executable: boolean,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const path = this.claim(name)
    if (this.#bytes + bytes > this.#limits.maxBytes) {
      throw this.unsafe(`it unpacks to more than ${this.#limits.maxBytes} bytes`)
    }
    try {
      await mkdir(dirname(path), { recursive: true })
      const file = await open(path, 'wx', executable ? 0o755 : 0o644)
      try {
        let written = 0
        for await (const chunk of chunks) {
          written += chunk.length
          if (written > bytes) throw this.unsafe(`${JSON.stringify(name)} is larger than declared`)
          await file.appendFile(chunk)
          this.#watch.signal?.throwIfAborted()
          this.#watch.onProgress?.({ label: `Unpacking ${this.#archive}`, done: this.#bytes + written })
        }
        if (written < bytes) throw this.unsafe(`${JSON.stringify(name)} is smaller than declared`)
      } finally {
        await file.close()
      }
    } catch (error) {
      throw this.#asUnsafe(diskFailure(error, path))
    }
    this.#bytes += bytes
  }

  /** A second name of a file that stands there. */
  async link(name: string, original: string): Promise<void> {
    const path = this.claim(name)
    try {
      await mkdir(dirname(path), { recursive: true })
      await link(join(this.#folder, original), path)
    } catch (error) {
      throw this.#asUnsafe(diskFailure(error, path))
    }
  }

  /** What a decoder or the file system says of a broken archive (a file where a folder must be …) is the archive's fault. */
  #asUnsafe(error: unknown): unknown {
    if (error instanceof Failure || !(error instanceof Error) || !('code' in error)) return error
    const brokenNames = ['EEXIST', 'ENOTDIR', 'EISDIR', 'ENAMETOOLONG', 'EILSEQ', 'EINVAL']
    const broken = brokenNames.includes(String(error.code)) || String(error.code).startsWith('Z_')
    return broken ? this.unsafe(`it is damaged (${String(error.code)})`) : error
  }
}

const maxPath = 1024

/** Relative, forward slashes, no `.` or `..`, nothing that a system reads in its own way. */
export const isSafePath = (name: string): boolean =>
  name.length > 0 &&
  name.length <= maxPath &&
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  !/[\u0000-\u001F\\:]/.test(name) &&
  name.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
