import { Failure } from '../core/failure.ts'
import type { ByteSource, UpstreamReply } from '../core/send.ts'
import { readAll } from './all.ts'

const formats = {
  gzip: 'gzip',
  'x-gzip': 'gzip',
  deflate: 'deflate',
  br: 'brotli',
  zstd: 'zstd',
} as const

const hasKey = (name: string): name is keyof typeof formats => Object.hasOwn(formats, name)

/** Undoes the content-encoding of a reply, if it has one. */
export const decodeReply = (reply: UpstreamReply): UpstreamReply => {
  const encoding = reply.header('content-encoding')?.toLowerCase()
  if (encoding === undefined || encoding === '' || encoding === 'identity') return reply
  if (!hasKey(encoding)) {
    reply.body.cancel()
    throw new Failure('upstream_invalid', 'The upstream’s answer has an unknown content-encoding.')
  }
  return {
    status: reply.status,
    // These two tell of the bytes on the wire, not of those that are read here.
    header: (name) =>
      name === 'content-encoding' || name === 'content-length' ? undefined : reply.header(name),
    body: decodeBody(reply.body, new DecompressionStream(formats[encoding])),
  }
}

const decodeBody = (source: ByteSource, stream: DecompressionStream): ByteSource => {
  const reader = stream.readable.getReader()
  const writer = stream.writable.getWriter()
  let failure: Failure | undefined

  const pump = async () => {
    try {
      for (let piece = await source.read(); piece !== undefined; piece = await source.read()) {
        await writer.write(piece as Uint8Array<ArrayBuffer>)
      }
      await writer.close()
    } catch (error) {
      failure =
        error instanceof Failure
          ? error
          : new Failure('upstream_invalid', 'The upstream’s answer cannot be decompressed.', { cause: error })
      source.cancel()
      await writer.abort(failure).catch(() => {})
    }
  }
  void pump()

  const body: ByteSource = {
    async read() {
      try {
        const { value } = await reader.read()
        return value
      } catch (error) {
        throw (
          failure ??
          new Failure('upstream_invalid', 'The upstream’s answer cannot be decompressed.', { cause: error })
        )
      }
    },
    all: (limitBytes) => readAll(body, limitBytes),
    cancel() {
      source.cancel()
      reader.cancel().catch(() => {})
    },
  }
  return body
}
