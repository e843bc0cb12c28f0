import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { link, open, readFile, rm } from 'node:fs/promises'

import { Failure } from '../../core/failure.ts'
import { paced, type Work } from '../../core/turns.ts'

const keyBytes = 32
const nonceBytes = 12
const tagBytes = 16
const cipherName = 'aes-256-gcm'
/** Up to this size packing here costs less than handing it to another thread, by ten. */
const smallBytes = 32 * 1024
/** Worked through before the event loop may get its turn: some tenths of a millisecond. */
const stepBytes = 128 * 1024

/**
 * Seals bytes with AES-256-GCM under a key that lies in a file for its owner alone, made at first use. `about` says what
 * is sealed and whose it is: what was sealed as one thing does not open as another.
 */
export class Seal {
  readonly #file: string
  #key: Promise<Uint8Array> | undefined

  constructor(file: string) {
    this.#file = file
  }

  async close(bytes: Uint8Array, about: string): Promise<Uint8Array> {
    const key = await this.#keyOf()
    const packed = bytes.length <= smallBytes ? Bun.zstdCompressSync(bytes) : await Bun.zstdCompress(bytes)
    return paced(packed.length, closing(packed, key, about))
  }

  /** Undefined for what was not sealed under this key as this thing. */
  async open(sealed: Uint8Array, about: string): Promise<Uint8Array | undefined> {
    const key = await this.#keyOf()
    try {
      const packed = await paced(sealed.length, opening(sealed, key, about))
      return packed.length <= smallBytes ? Bun.zstdDecompressSync(packed) : await Bun.zstdDecompress(packed)
    } catch {
      return undefined
    }
  }

  #keyOf(): Promise<Uint8Array> {
    // A key that could not be read or made is tried again by the next.
    this.#key ??= this.#load().catch((thrown: unknown) => {
      this.#key = undefined
      throw thrown
    })
    return this.#key
  }

  async #load(): Promise<Uint8Array> {
    try {
      const key = (await read(this.#file)) ?? (await make(this.#file))
      if (key.length === keyBytes) return key
      throw new Error(`The key has ${key.length} bytes.`)
    } catch (thrown) {
      const message = `The key that responses are kept with cannot be read or made (${this.#file}).`
      throw new Failure('store_failed', message, { cause: thrown })
    }
  }
}

/** Nonce, sealed bytes, tag. */
function* closing(bytes: Uint8Array, key: Uint8Array, about: string): Work<Uint8Array> {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv(cipherName, key, nonce).setAAD(Buffer.from(about))
  const pieces = [nonce, ...(yield* steps(bytes, (step) => cipher.update(step))), cipher.final()]
  return Buffer.concat([...pieces, cipher.getAuthTag()])
}

function* opening(sealed: Uint8Array, key: Uint8Array, about: string): Work<Uint8Array<ArrayBuffer>> {
  const decipher = createDecipheriv(cipherName, key, sealed.subarray(0, nonceBytes), {
    authTagLength: tagBytes,
  })
  decipher.setAAD(Buffer.from(about)).setAuthTag(sealed.subarray(-tagBytes))
  const pieces = yield* steps(sealed.subarray(nonceBytes, -tagBytes), (step) => decipher.update(step))
  return Buffer.concat([...pieces, decipher.final()])
}

function* steps(bytes: Uint8Array, take: (step: Uint8Array) => Buffer): Work<Buffer[]> {
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length; at += stepBytes) {
    pieces.push(take(bytes.subarray(at, at + stepBytes)))
    yield
  }
  return pieces
}

async function read(file: string): Promise<Uint8Array | undefined> {
  try {
    return Buffer.from((await readFile(file, 'utf8')).trim(), 'hex')
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw thrown
  }
}

/** Whole or not at all, and never readable by others; of two processes that make one at once both take the first. */
async function make(file: string): Promise<Uint8Array> {
  const temporary = `${file}.${process.pid}.part`
  const key = randomBytes(keyBytes)
  try {
    await rm(temporary, { force: true })
    await using handle = await open(temporary, 'wx', 0o600)
    await handle.writeFile(`${key.toString('hex')}\n`)
    await handle.sync()
    await link(temporary, file)
    return key
  } catch (thrown) {
    const other = (thrown as NodeJS.ErrnoException).code === 'EEXIST' ? await read(file) : undefined
    if (other === undefined) throw thrown
    return other
  } finally {
    await rm(temporary, { force: true })
  }
}
