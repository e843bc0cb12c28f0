import { Failure } from '../core/failure.ts'

/** How the body's end is found: a length in bytes, by its chunks, or when the connection closes. */
export type Framing = number | 'chunked' | 'close'

export interface ResponseHead {
  readonly status: number
  readonly framing: Framing
  /** The connection may carry another call once the body has ended. */
  readonly keepAlive: boolean
  /** How long the server says it keeps an idle connection. */
  readonly idleMs: number | undefined
  /** A header by its lower-case name; several of one name are joined with a comma. */
  header(name: string): string | undefined
}

const statusLine = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/
const token = /^[!#$%&'*+.^_`|~\w-]+$/
const text = /^[\t\x20-\x7e\x80-\xff]*$/

const invalid = (what: string): never => {
  throw new Failure('upstream_invalid', `The upstream’s response ${what}.`)
}

const lengthOf = (value: string): number =>
  /^\d{1,15}$/.test(value) ? Number(value) : invalid('has a content-length that is not one number')

/** Reads status line and headers, given without the blank line that ends them. Throws `Failure('upstream_invalid')`. */
export const parseHead = (head: string): ResponseHead => {
  const lines = head.split('\r\n')
  const match = statusLine.exec(lines[0] ?? '') ?? invalid('does not begin with an HTTP/1 status line')
  const status = Number(match[2])
  const fields = new Map<string, string>()
  for (let at = 1; at < lines.length; at += 1) {
    const line = lines[at] ?? ''
    const colon = line.indexOf(':')
    // A folded line begins with a blank, so its name is no token either.
    if (colon < 1 || !token.test(line.slice(0, colon))) invalid('has a line that is no header')
    if (!text.test(line)) invalid('has a control character in a header')
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    const earlier = fields.get(name)
    fields.set(name, earlier === undefined ? value : `${earlier}, ${value}`)
  }
  const wait = /(?:^|[,\s])timeout=(\d{1,6})/i.exec(fields.get('keep-alive') ?? '')?.[1]
  return {
    status,
    framing: framingOf(status, fields.get('transfer-encoding'), fields.get('content-length')),
    keepAlive: match[1] === '1' && !/(?:^|[,\s])close(?:$|[,\s])/i.test(fields.get('connection') ?? ''),
    idleMs: wait === undefined ? undefined : Number(wait) * 1000,
    header: (name) => fields.get(name),
  }
}

const framingOf = (status: number, coding: string | undefined, length: string | undefined): Framing => {
  if (status < 200 || status === 204 || status === 304) return 0
  if (coding === undefined) return length === undefined ? 'close' : lengthOf(length)
  // Both at once is how one response is made to look like two.
  if (length !== undefined) return invalid('has both a content-length and a transfer-encoding')
  return coding.toLowerCase() === 'chunked' ? 'chunked' : invalid('has an unknown transfer-encoding')
}
