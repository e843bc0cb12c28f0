import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate, zstdDecompress } from 'node:zlib'

import { Failure } from '../core/failure.ts'

export interface BodyLimits {
  readonly maxBodyBytes: number
  readonly bodyTimeoutMs: number
}

/** How exactly the time limit of a body is kept. */
const lookEveryMs = 100

const decoders = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
  zstd: promisify(zstdDecompress),
} as const

/**
 * The whole body, decoded, within its limits of size (before and after decoding) and time.
 * Throws `Failure('too_large' | 'slow_body' | 'bad_encoding')`.
 */
export async function readBody(request: Request, limits: BodyLimits): Promise<Uint8Array> {
  const announced = request.headers.get('content-length')
  if (announced !== null && Number(announced) > limits.maxBodyBytes) throw tooLarge(limits)
  // A body without a length is counted as it comes; one with a length cannot be longer than that.
  const reading = announced === null ? counted(request, limits) : request.bytes()
  const body = Bun.peek.status(reading) === 'fulfilled' ? await reading : await inTime(reading, limits)
  const encoding = request.headers.get('content-encoding')
  return encoding === null || encoding === 'identity' ? body : decoded(body, encoding, limits)
}

async function counted(request: Request, limits: BodyLimits): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of request.body ?? []) {
    size += piece.length
    if (size > limits.maxBodyBytes) throw tooLarge(limits)
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

/** Bodies that are still coming, oldest first: one timer looks after all, for most are here before it would be set. */
const coming = new Set<{ readonly until: number; readonly late: () => void }>()
let watch: ReturnType<typeof setInterval> | undefined

function lookAfter(): void {
  const now = performance.now()
  for (const body of coming) {
    if (body.until > now) break
    coming.delete(body)
    body.late()
  }
  if (coming.size > 0) return
  clearInterval(watch)
  watch = undefined
}

function inTime(reading: Promise<Uint8Array>, { bodyTimeoutMs }: BodyLimits): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const body = {
      until: performance.now() + bodyTimeoutMs,
      late: () => reject(new Failure('slow_body', `The body was not here within ${bodyTimeoutMs} ms.`)),
    }
    coming.add(body)
    watch ??= setInterval(lookAfter, lookEveryMs)
    reading.then(
      (bytes) => {
        coming.delete(body)
        resolve(bytes)
      },
      (thrown: unknown) => {
        coming.delete(body)
        const left = new Failure('client_left', 'The client hung up while it sent the body.', {
          cause: thrown,
        })
        reject(thrown instanceof Failure ? thrown : left)
      },
    )
  })
}

async function decoded(body: Uint8Array, encoding: string, limits: BodyLimits): Promise<Uint8Array> {
  const decode = decoders[encoding.trim().toLowerCase() as keyof typeof decoders]
  if (decode === undefined)
    throw new Failure('bad_encoding', `The content-encoding ${encoding.slice(0, 40)} is not known.`)
  try {
    return await decode(body, { maxOutputLength: limits.maxBodyBytes })
  } catch (thrown) {
    if (thrown instanceof RangeError) throw tooLarge(limits)
    throw new Failure('bad_encoding', `The body is not ${encoding.slice(0, 40)}.`, { cause: thrown })
  }
}

const tooLarge = (limits: BodyLimits): Failure =>
  new Failure('too_large', `The body is larger than ${limits.maxBodyBytes} bytes.`)
