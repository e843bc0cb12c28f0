import { Failure } from '../core/failure.ts'
import type { UpstreamCall } from '../core/send.ts'

const token = /^[!#$%&'*+.^_`|~0-9a-z-]+$/
const printable = /^[\t\x20-\x7e]*$/

/** These frame the message or the connection: they are written here, or not at all. */
const ownHeaders = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'proxy-connection',
  'upgrade',
  'expect',
  'te',
  'trailer',
])

const refuse = (name: string, why: string): never => {
  throw new Failure('bad_request', { message: `A header for the upstream ${why}.`, param: name })
}

/** Backends send the same headers with each call: those of one object are checked and written once. */
const written = new WeakMap<UpstreamCall['headers'], string>()

/** Throws `Failure('bad_request')` for a header that could end its line early or change how the message is framed. */
export const checkHeaders = (headers: UpstreamCall['headers']): void => {
  for (const name of Object.keys(headers)) {
    if (!token.test(name)) refuse('headers', 'has a name that is no lower-case header name')
    if (ownHeaders.has(name)) refuse(name, 'would change how the message is framed')
    if (!printable.test(headers[name] ?? ''))
      refuse(name, 'has a value with a control or non-ASCII character')
  }
}

function headerLines(headers: UpstreamCall['headers']): string {
  const known = written.get(headers)
  if (known !== undefined) return known
  checkHeaders(headers)
  let lines = ''
  for (const name of Object.keys(headers)) lines += `${name}: ${headers[name]}\r\n`
  if (headers['accept-encoding'] === undefined) lines += 'accept-encoding: identity\r\n'
  written.set(headers, lines)
  return lines
}

/** The request line and headers as text, blank line included. */
const headOf = (call: UpstreamCall, host: string, target: string): string => {
  let head = `${call.method} ${target} HTTP/1.1\r\nhost: ${host}\r\n${headerLines(call.headers)}`
  const { body } = call
  if (body !== undefined || call.method === 'POST') head += `content-length: ${body?.byteLength ?? 0}\r\n`
  return `${head}\r\n`
}

/** Up to here copying the body behind the head is cheaper than a second system call. */
const joinBytes = 64 * 1024

/** The call as bytes for the wire: one part where that is cheap, so that one write sends it. */
export const encodeRequest = (call: UpstreamCall, host: string, target: string): readonly Uint8Array[] => {
  const head = headOf(call, host, target)
  const body = call.body ?? new Uint8Array()
  if (body.byteLength > joinBytes) return [Buffer.from(head, 'latin1'), body]
  const joined = Buffer.allocUnsafe(head.length + body.byteLength)
  joined.write(head, 0, 'latin1')
  joined.set(body, head.length)
  return [joined]
}
