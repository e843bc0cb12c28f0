import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate, zstdDecompress } from 'node:zlib'

import { contentEncoding, type ContentEncoding } from '../core/content-encoding.ts'
import { Failure } from '../core/failure.ts'

export interface BodyLimits {
  readonly maxBodyBytes: number
  readonly bodyTimeoutMs: number
}

/** How exactly the time limit of a body is kept. */
const lookEveryMs = 100
/** Bytes beyond the limit that are waited for. */
const mostDropped = 256 * 1024 * 1024

type Decoder = (body: Uint8Array, options: { readonly maxOutputLength: number }) => Promise<Uint8Array>

const decoders: Record<Exclude<ContentEncoding, 'identity'>, Decoder> = {
  gzip: promisify(gunzip),
  deflate: promisify(inflate),
  brotli: promisify(brotliDecompress),
  zstd: promisify(zstdDecompress),
}

/**
 * The whole body, decoded, within its limits of size (before and after decoding) and time.
 * Throws `Failure('too_large' | 'slow_body' | 'bad_encoding')`.
 */
export async function readBody(request: Request, limits: BodyLimits): Promise<Uint8Array> {
  const { maxBodyBytes } = limits
  const length = request.headers.get('content-length')
  // A body with a length cannot be longer than that; others are counted as they come.
  const announced = length === null ? maxBodyBytes + 1 : Number(length)
  if (announced > maxBodyBytes + mostDropped) throw tooLarge(limits)
  const reading = announced <= maxBodyBytes ? request.bytes() : counted(request, limits)
  const body = Bun.peek.status(reading) === 'fulfilled' ? await reading : await inTime(reading, limits)
  const encoding = contentEncoding(request.headers.get('content-encoding'))
  return encoding === 'identity' ? body : decoded(body, encoding, limits)
}

/** What comes beyond the limit is read and dropped: who is answered before all is sent is cut off, answer and all. */
async function counted(request: Request, limits: BodyLimits): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of request.body ?? []) {
    size += piece.length
    if (size <= limits.maxBodyBytes) pieces.push(piece)
    else pieces.length = 0
    if (size > limits.maxBodyBytes + mostDropped) throw tooLarge(limits)
  }
  if (size > limits.maxBodyBytes) throw tooLarge(limits)
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

async function decoded(
  body: Uint8Array,
  encoding: keyof typeof decoders | undefined,
  limits: BodyLimits,
): Promise<Uint8Array> {
  if (encoding === undefined)
    throw new Failure('bad_encoding', 'The content-encoding is none of gzip, deflate, br and zstd.')
  try {
    return await decoders[encoding](body, { maxOutputLength: limits.maxBodyBytes })
  } catch (thrown) {
    if (thrown instanceof RangeError) throw tooLarge(limits)
    throw new Failure('bad_encoding', `The body is not ${encoding}.`, { cause: thrown })
  }
}

const tooLarge = (limits: BodyLimits): Failure =>
  new Failure('too_large', `The body is larger than ${limits.maxBodyBytes} bytes.`)
