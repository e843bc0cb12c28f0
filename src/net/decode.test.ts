import { describe, expect, test } from 'bun:test'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import * as fc from 'fast-check'

import { Failure } from '../core/failure.ts'
import type { ByteSource } from '../core/send.ts'
import { readAll } from './all.ts'
import { decodeReply } from './decode.ts'

const numRuns = Math.ceil(Number(process.env['PROPERTY_RUNS'] ?? 1000) / 4)

const encodings = {
  gzip: gzipSync,
  deflate: deflateSync,
  br: brotliCompressSync,
  zstd: zstdCompressSync,
} as const

const sourceOf = (pieces: readonly Uint8Array[]): ByteSource => {
  const left = [...pieces]
  const source: ByteSource = {
    read: () => Promise.resolve(left.shift()),
    all: (limitBytes) => readAll(source, limitBytes),
    cancel: () => void left.splice(0),
  }
  return source
}

/** The decoded bytes, or the code of the Failure; anything else is thrown. */
const decoded = async (encoding: string, pieces: readonly Uint8Array[]): Promise<Uint8Array | string> => {
  const header = (name: string) => (name === 'content-encoding' ? encoding : undefined)
  try {
    return await decodeReply({ status: 200, header, body: sourceOf(pieces) }).body.all(1e9)
  } catch (error) {
    if (error instanceof Failure) return error.code
    throw error
  }
}

const split = (bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] => {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]
  return places.slice(1).map((end, at) => bytes.slice(places[at], end))
}

const content = fc.uint8Array({ maxLength: 300 })
const cuts = fc.array(fc.nat(), { maxLength: 4 })

describe.each(Object.entries(encodings))('an answer in %s', (encoding, compress) => {
  test('is what was compressed, however it is cut into pieces', async () => {
    await fc.assert(
      fc.asyncProperty(content, cuts, async (bytes, at) => {
        const body = await decoded(encoding, split(compress(bytes), at))
        expect(Buffer.from(body).equals(Buffer.from(bytes))).toBe(true)
      }),
      { numRuns },
    )
  })

  test('that ends too early is an error, never a short answer', async () => {
    await fc.assert(
      fc.asyncProperty(content, fc.nat(), async (bytes, at) => {
        const whole = compress(bytes)
        expect(await decoded(encoding, [whole.subarray(0, at % whole.length)])).toBe('upstream_invalid')
      }),
      { numRuns },
    )
  })

  test('of any bytes gives bytes or upstream_invalid', async () => {
    await fc.assert(
      fc.asyncProperty(content, cuts, fc.nat(), fc.nat(255), async (bytes, at, place, value) => {
        const hurt = Buffer.from(compress(bytes))
        hurt[place % hurt.length] = value
        for (const body of [hurt, bytes]) {
          const end = await decoded(encoding, split(body, at))
          if (typeof end === 'string') expect(end).toBe('upstream_invalid')
        }
      }),
      { numRuns },
    )
  })
})
