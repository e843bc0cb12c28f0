import { crc32, deflateRawSync, gzipSync } from 'node:zlib'

/** One entry of a zip that a test makes, honest unless it says otherwise. */
export interface ZipEntry {
  readonly name: string
  readonly content: Uint8Array
  readonly stored?: boolean
  /** Unix mode with its file type. */
  readonly mode?: number
  /** Lies for the hostile archives. */
  readonly localName?: string
  readonly declaredBytes?: number
  readonly flags?: number
}

export const makeZip = (entries: readonly ZipEntry[]): Buffer => {
  const locals: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const {
    name,
    content,
    stored = false,
    mode = 0o100644,
    localName = name,
    flags = 0,
    ...lies
  } of entries) {
    const packed = stored ? Buffer.from(content) : deflateRawSync(content)
    const fields = Buffer.alloc(22)
    fields.writeUInt16LE(flags, 0)
    fields.writeUInt16LE(stored ? 0 : 8, 2)
    fields.writeUInt32LE(crc32(content), 8)
    fields.writeUInt32LE(packed.length, 12)
    fields.writeUInt32LE(lies.declaredBytes ?? content.length, 16)
    const local = Buffer.concat([
      Buffer.from([0x50, 0x4b, 3, 4, 20, 0]),
      withNameLength(fields, localName),
      Buffer.from(localName),
      packed,
    ])
    const tail = Buffer.alloc(14)
    tail.writeUInt32LE(mode * 0x1_00_00, 6)
    tail.writeUInt32LE(offset, 10)
    directory.push(
      Buffer.concat([
        Buffer.from([0x50, 0x4b, 1, 2, 20, 3, 20, 0]),
        withNameLength(fields, name),
        tail,
        Buffer.from(name),
      ]),
    )
    locals.push(local)
    offset += local.length
  }
  const size = directory.reduce((sum, { length }) => sum + length, 0)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06_05_4b_50, 0)
  end.writeUInt16LE(entries.length, 8)
  end.writeUInt16LE(entries.length, 10)
  end.writeUInt32LE(size, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...locals, ...directory, end])
}

const withNameLength = (fields: Buffer, name: string): Buffer => {
  const copy = Buffer.from(fields)
  copy.writeUInt16LE(Buffer.byteLength(name), 20)
  return Buffer.concat([copy, Buffer.alloc(2)])
}

export interface TarEntry {
  readonly name: string
  readonly content?: Uint8Array
  readonly type?: string
  readonly link?: string
  readonly declaredBytes?: number
}

export const makeTarGz = (entries: readonly TarEntry[]): Buffer => {
  const blocks = entries.flatMap(
    ({ name, content = new Uint8Array(), type = '0', link = '', declaredBytes }) => {
      const header = Buffer.alloc(512)
      header.write(name, 0)
      header.write('0000644\0', 100)
      header.write(`${(declaredBytes ?? content.length).toString(8).padStart(11, '0')}\0`, 124)
      header.write(' '.repeat(8), 148)
      header.write(type, 156)
      header.write(link, 157)
      header.write('ustar\u000000', 257)
      const sum = header.reduce((total, byte) => total + byte, 0)
      header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
      return [header, Buffer.from(content), Buffer.alloc((512 - (content.length % 512)) % 512)]
    },
  )
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]))
}
