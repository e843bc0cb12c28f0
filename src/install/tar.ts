import { createReadStream } from 'node:fs'
import { dirname, join } from 'node:path'
import { createGunzip } from 'node:zlib'

import { errorCode } from './disk.ts'
import type { Watch } from './progress.ts'
import { Target, type Limits } from './target.ts'

const block = 512
const maxNotes = 64 * 1024

interface Header {
  readonly name: string
  readonly bytes: number
  readonly mode: number
  /** POSIX typeflag: `0` file, `2` symbolic link, `5` folder, `x` pax notes, `L` GNU long name … */
  readonly type: string
  readonly link: string
}

type Notes = { name?: string; link?: string; bytes?: number }

/**
 * ustar, pax and GNU long names. A symbolic link to a file of the same archive (release archives name their libraries
 * so: libx.so → libx.so.1) becomes a hard link to that file; every other link is refused.
 */
export const unpackTar = async (
  path: string,
  folder: string,
  options: Watch & Partial<Limits>,
): Promise<void> => {
  const target = new Target(path, folder, options)
  await using bytes = new Bytes(gunzip(path), target)
  const files = new Set<string>()
  const links = new Map<string, string>()
  let notes: Notes = {}
  for (;;) {
    const read = readHeader(await bytes.take(block), target)
    if (read === undefined) break
    if (read.type === 'x' || read.type === 'L' || read.type === 'K' || read.type === 'g') {
      target.count()
      if (read.bytes > maxNotes) throw target.unsafe('it has overlong names')
      const said = (await bytes.take(padded(read.bytes))).subarray(0, read.bytes)
      Object.assign(notes, readNotes(read.type, said, target))
      continue
    }
    const header = { ...read, ...notes }
    const name = header.name.replace(/^(\.\/)+/, '')
    notes = {}
    if (header.type === '5') {
      if (name !== '' && name !== '.') await target.folder(name)
    } else if (header.type === '2') {
      // An absolute one leads to nothing in the archive.
      links.set(name, header.link.startsWith('/') ? '' : join(dirname(name), header.link))
    } else if (header.type === '0' || header.type === '\0') {
      await target.file(name, header.bytes, (header.mode & 0o111) !== 0, bytes.stream(header.bytes))
      await bytes.take(padded(header.bytes) - header.bytes)
      files.add(name)
    } else throw target.unsafe(`${JSON.stringify(name)} is neither a file nor a folder`)
  }
  for (const name of links.keys()) {
    const original = follow(name, links, files)
    if (original === undefined) throw target.unsafe(`the link ${JSON.stringify(name)} leads to no file in it`)
    await target.link(name, original)
  }
}

const follow = (
  name: string,
  links: ReadonlyMap<string, string>,
  files: ReadonlySet<string>,
): string | undefined => {
  let at = links.get(name)
  for (let hops = 0; at !== undefined && hops < 8; hops++) {
    if (files.has(at)) return at
    at = links.get(at)
  }
  return undefined
}

const padded = (bytes: number): number => Math.ceil(bytes / block) * block

const text = (bytes: Buffer): string => {
  const end = bytes.indexOf(0)
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end)
}

/** Octal text, or (GNU) a big-endian number behind a set first bit. */
const number = (bytes: Buffer, target: Target): number => {
  const value = bytes.readUInt8(0) === 0x80 ? bytes.readUIntBE(bytes.length - 6, 6) : octal(text(bytes))
  if (!Number.isSafeInteger(value) || value < 0) throw target.unsafe('a header is damaged')
  return value
}

const octal = (digits: string): number =>
  /^ *[0-7]* *$/.test(digits) ? Number.parseInt(digits.trim() || '0', 8) : -1

/** Undefined at the block of zeros that ends the archive. */
const readHeader = (bytes: Buffer, target: Target): Header | undefined => {
  if (bytes.every((byte) => byte === 0)) return undefined
  const sum = bytes.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0)
  if (number(bytes.subarray(148, 156), target) !== sum) throw target.unsafe('a header is damaged')
  const ustar = bytes.toString('latin1', 257, 263) === 'ustar\0'
  const prefix = ustar ? text(bytes.subarray(345, 500)) : ''
  const name = text(bytes.subarray(0, 100))
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    mode: number(bytes.subarray(100, 108), target),
    bytes: number(bytes.subarray(124, 136), target),
    type: bytes.toString('latin1', 156, 157),
    link: text(bytes.subarray(157, 257)),
  }
}

const readNotes = (type: string, bytes: Buffer, target: Target): Notes => {
  if (type === 'L') return { name: text(bytes) }
  if (type === 'K') return { link: text(bytes) }
  if (type === 'g') return {}
  const notes: Notes = {}
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(32, at)
    const length = Number(bytes.toString('latin1', at, Math.max(space, at)))
    if (space < 0 || !Number.isSafeInteger(length) || length <= 0) throw target.unsafe('a header is damaged')
    const [key = '', ...rest] = bytes.toString('utf8', space + 1, at + length - 1).split('=')
    const value = rest.join('=')
    if (key === 'path') notes.name = value
    else if (key === 'linkpath') notes.link = value
    else if (key === 'size') notes.bytes = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN
    else if (key.startsWith('GNU.sparse')) throw target.unsafe('it has sparse files')
    at += length
  }
  if (Number.isNaN(notes.bytes)) throw target.unsafe('a header is damaged')
  return notes
}

const gunzip = (path: string): AsyncIterable<Uint8Array> => {
  const raw = createReadStream(path, { highWaterMark: 1 << 20 })
  const unzip = createGunzip({ chunkSize: 1 << 18 })
  raw.on('error', (error) => unzip.destroy(error))
  unzip.on('close', () => raw.destroy())
  return raw.pipe(unzip)
}

/** A stream that is read by counted bytes. */
class Bytes implements AsyncDisposable {
  readonly #chunks: AsyncIterator<Uint8Array>
  readonly #target: Target
  #left: Uint8Array = new Uint8Array()

  constructor(chunks: AsyncIterable<Uint8Array>, target: Target) {
    this.#chunks = chunks[Symbol.asyncIterator]()
    this.#target = target
  }

  async take(bytes: number): Promise<Buffer> {
    const pieces: Uint8Array[] = []
    for await (const piece of this.stream(bytes)) pieces.push(piece)
    return Buffer.concat(pieces)
  }

  async *stream(bytes: number): AsyncGenerator<Uint8Array> {
    for (let missing = bytes; missing > 0;) {
      if (this.#left.length === 0) this.#left = await this.#next()
      const piece = this.#left.subarray(0, missing)
      this.#left = this.#left.subarray(piece.length)
      missing -= piece.length
      yield piece
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#chunks.return?.()
  }

  async #next(): Promise<Uint8Array> {
    const next = await this.#chunks.next().catch((error: unknown) => {
      throw errorCode(error)?.startsWith('Z_') === true ? this.#target.unsafe('it is damaged') : error
    })
    if (next.done === true) throw this.#target.unsafe('it is cut off')
    return next.value
  }
}
