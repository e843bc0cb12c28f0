import { contentEncoding } from '../core/content-encoding.ts'
import { Failure } from '../core/failure.ts'
import type { ByteSource, UpstreamReply } from '../core/send.ts'
import { readAll } from './all.ts'

/** Undoes the content-encoding of a reply, if it has one. */
export const decodeReply = (reply: UpstreamReply): UpstreamReply => {
  const encoding = contentEncoding(reply.header('content-encoding'))
  if (encoding === 'identity') return reply
  if (encoding === undefined) {
    reply.body.cancel()
    throw new Failure('upstream_invalid', 'The upstream’s answer has an unknown content-encoding.')
  }
  return {
    status: reply.status,
    // These two tell of the bytes on the wire, not of those that are read here.
    header: (name) =>
      name === 'content-encoding' || name === 'content-length' ? undefined : reply.header(name),
    body: decodeBody(reply.body, new DecompressionStream(encoding)),
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
