import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate, zstdDecompress } from 'node:zlib'

import { Failure } from '../core/failure.ts'

export interface BodyLimits {
  readonly maxBodyBytes: number
  readonly bodyTimeoutMs: number
}

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

async function inTime(reading: Promise<Uint8Array>, limits: BodyLimits): Promise<Uint8Array> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Failure('slow_body', `The body was not here within ${limits.bodyTimeoutMs} ms.`)),
      limits.bodyTimeoutMs,
    )
  })
  try {
    return await Promise.race([reading, late])
  } catch (thrown) {
    if (thrown instanceof Failure) throw thrown
    throw new Failure('client_left', 'The client hung up while it sent the body.', { cause: thrown })
  } finally {
    clearTimeout(timer)
  }
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
