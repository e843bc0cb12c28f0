import { createReadStream } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { crc32, createInflateRaw } from 'node:zlib'

import type { Watch } from './progress.ts'
import { Target, type Limits } from './target.ts'

// Layout and names of the fields: PKWARE APPNOTE 6.3.10, sections 4.3 and 4.4.
interface Entry {
  readonly name: string
  readonly method: number
  readonly flags: number
  readonly crc: number
  readonly packed: number
  readonly bytes: number
  /** Of the local header. */
  readonly offset: number
  /** Unix mode, 0 where the archive has none. */
  readonly mode: number
}

interface Directory {
  readonly offset: number
  readonly bytes: number
  readonly entries: number
}

const stored = 0
const deflated = 8
const maxDirectoryBytes = 64 * 1024 * 1024
const symlink = 0o120000
const fileTypes = 0o170000

/** Reads by the central directory, and takes an entry only when its local header says the same. */
export const unpackZip = async (
  file: FileHandle,
  path: string,
  folder: string,
  options: Watch & Partial<Limits>,
): Promise<void> => {
  const target = new Target(path, folder, options)
  const directory = await findDirectory(file, target)
  const entries = readDirectory(
    await read(file, directory.offset, directory.bytes, target),
    directory,
    target,
  )
  // In the order of the file, so that data that two entries share is seen.
  let free = 0
  for (const entry of entries.toSorted((a, b) => a.offset - b.offset)) {
    if (entry.offset < free || entry.offset >= directory.offset) throw target.unsafe('its entries overlap')
    const start = await dataStart(file, entry, target)
    if (start + entry.packed > directory.offset) throw target.unsafe('its entries overlap')
    free = start + entry.packed
    if (entry.name.endsWith('/')) await target.folder(entry.name)
    else {
      const executable = (entry.mode & 0o111) !== 0
      await target.file(entry.name, entry.bytes, executable, content(path, entry, start, target))
    }
  }
}

const read = async (file: FileHandle, offset: number, length: number, target: Target): Promise<Buffer> => {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset)
  if (bytesRead < length) throw target.unsafe('it is cut off')
  return buffer
}

const endBytes = 22
const locatorBytes = 20

const findDirectory = async (file: FileHandle, target: Target): Promise<Directory> => {
  const { size } = await file.stat()
  const tailBytes = Math.min(size, endBytes + 0xff_ff)
  if (tailBytes < endBytes) throw target.unsafe('it is cut off')
  const tail = await read(file, size - tailBytes, tailBytes, target)
  for (let at = tailBytes - endBytes; at >= 0; at--) {
    // The comment must reach exactly to the end of the file: else these bytes are not the end record.
    if (tail.readUInt32LE(at) !== 0x06_05_4b_50) continue
    if (at + endBytes + tail.readUInt16LE(at + 20) !== tailBytes) continue
    const end = size - tailBytes + at
    const plain = {
      entries: tail.readUInt16LE(at + 10),
      bytes: tail.readUInt32LE(at + 12),
      offset: tail.readUInt32LE(at + 16),
    }
    const big = plain.entries === 0xff_ff || plain.bytes === 0xff_ff_ff_ff || plain.offset === 0xff_ff_ff_ff
    const { directory, until } = big
      ? await findBigDirectory(file, end, target)
      : { directory: plain, until: end }
    if (directory.bytes > maxDirectoryBytes || directory.offset + directory.bytes !== until) {
      throw target.unsafe('its directory is not where it says')
    }
    return directory
  }
  throw target.unsafe('it has no directory')
}

const findBigDirectory = async (file: FileHandle, end: number, target: Target) => {
  if (end < locatorBytes) throw target.unsafe('it is cut off')
  const locator = await read(file, end - locatorBytes, locatorBytes, target)
  const until = Number(locator.readBigUInt64LE(8))
  if (locator.readUInt32LE(0) !== 0x07_06_4b_50 || until + 56 > end)
    throw target.unsafe('it has no directory')
  const record = await read(file, until, 56, target)
  if (record.readUInt32LE(0) !== 0x06_06_4b_50) throw target.unsafe('it has no directory')
  const directory = {
    entries: Number(record.readBigUInt64LE(32)),
    bytes: Number(record.readBigUInt64LE(40)),
    offset: Number(record.readBigUInt64LE(48)),
  }
  return { directory, until }
}

const readDirectory = (bytes: Buffer, directory: Directory, target: Target): Entry[] => {
  const entries: Entry[] = []
  let at = 0
  while (at < bytes.length) {
    if (at + 46 > bytes.length || bytes.readUInt32LE(at) !== 0x02_01_4b_50) {
      throw target.unsafe('its directory is damaged')
    }
    const nameBytes = bytes.readUInt16LE(at + 28)
    const extraBytes = bytes.readUInt16LE(at + 30)
    const next = at + 46 + nameBytes + extraBytes + bytes.readUInt16LE(at + 32)
    if (next > bytes.length) throw target.unsafe('its directory is damaged')
    const name = bytes.toString('utf8', at + 46, at + 46 + nameBytes)
    const entry = withBigSizes(
      {
        name,
        flags: bytes.readUInt16LE(at + 8),
        method: bytes.readUInt16LE(at + 10),
        crc: bytes.readUInt32LE(at + 16),
        packed: bytes.readUInt32LE(at + 20),
        bytes: bytes.readUInt32LE(at + 24),
        mode: bytes[at + 5] === 3 ? bytes.readUInt32LE(at + 38) >>> 16 : 0,
        offset: bytes.readUInt32LE(at + 42),
      },
      bytes.subarray(at + 46 + nameBytes, at + 46 + nameBytes + extraBytes),
    )
    check(entry, target)
    entries.push(entry)
    at = next
  }
  if (entries.length !== directory.entries) throw target.unsafe('its directory is damaged')
  return entries
}

/** The zip64 extra field holds, in this order, those of the three that did not fit. */
const withBigSizes = (entry: Entry, extra: Buffer): Entry => {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue
    const field = extra.subarray(at + 4, at + 4 + extra.readUInt16LE(at + 2))
    let from = 0
    const next = (value: number) => {
      if (value !== 0xff_ff_ff_ff || from + 8 > field.length) return value
      from += 8
      return Number(field.readBigUInt64LE(from - 8))
    }
    const bytes = next(entry.bytes)
    const packed = next(entry.packed)
    return { ...entry, bytes, packed, offset: next(entry.offset) }
  }
  return entry
}

// Encryption, patch data, strong encryption, hidden headers: nothing that a wheel or a release archive uses.
const strangeFlags = 0x1 | 0x20 | 0x40 | 0x2000

const check = (entry: Entry, target: Target): void => {
  const name = JSON.stringify(entry.name)
  if ((entry.flags & strangeFlags) !== 0) throw target.unsafe(`${name} is encrypted or patched`)
  if (entry.method !== stored && entry.method !== deflated)
    throw target.unsafe(`${name} is packed in an unknown way`)
  const type = entry.mode & fileTypes
  if (type === symlink) throw target.unsafe(`${name} is a link`)
  if (entry.method === stored && entry.packed !== entry.bytes) throw target.unsafe(`${name} has two sizes`)
  if (entry.name.endsWith('/') && entry.bytes !== 0) throw target.unsafe(`${name} is a folder with content`)
}

const dataStart = async (file: FileHandle, entry: Entry, target: Target): Promise<number> => {
  const header = await read(file, entry.offset, 30, target)
  const nameBytes = header.readUInt16LE(26)
  const name = await read(file, entry.offset + 30, nameBytes, target)
  const same =
    header.readUInt32LE(0) === 0x04_03_4b_50 &&
    header.readUInt16LE(6) === entry.flags &&
    header.readUInt16LE(8) === entry.method &&
    name.toString('utf8') === entry.name
  if (!same) throw target.unsafe(`${JSON.stringify(entry.name)} is described in two ways`)
  return entry.offset + 30 + nameBytes + header.readUInt16LE(28)
}

const content = async function* (path: string, entry: Entry, start: number, target: Target) {
  let crc = 0
  for await (const chunk of packed(path, entry, start)) {
    crc = crc32(chunk, crc)
    yield chunk
  }
  if (crc !== entry.crc) throw target.unsafe(`the checksum of ${JSON.stringify(entry.name)} is wrong`)
}

const packed = (path: string, entry: Entry, start: number): AsyncIterable<Uint8Array> => {
  if (entry.packed === 0) return nothing()
  const raw = createReadStream(path, { start, end: start + entry.packed - 1, highWaterMark: 1 << 20 })
  if (entry.method === stored) return raw
  const inflate = createInflateRaw({ chunkSize: 1 << 18 })
  raw.on('error', (error) => inflate.destroy(error))
  inflate.on('close', () => raw.destroy())
  return raw.pipe(inflate)
}

const nothing = async function* (): AsyncGenerator<Uint8Array> {}
