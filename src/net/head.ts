import { Failure } from '../core/failure.ts'

/** How the body's end is found: a length in bytes, by its chunks, or when the connection closes. */
export type Framing = number | 'chunked' | 'close'

/** A folded line, a bare line break or a blank before the colon fits nowhere in this. */
const shape =
  /^HTTP\/1\.([01]) ([1-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?(?:\r\n[!#$%&'*+.^_`|~\w-]+:[\t\x20-\x7e\x80-\xff]*)*$/

const invalid = (what: string): never => {
  throw new Failure('upstream_invalid', `The upstream’s response ${what}.`)
}

const keys = new Map<string, string>()

/** How a header's line begins; there are a dozen names, and to join the text anew costs each look-up an allocation. */
function keyOf(name: string): string {
  let key = keys.get(name)
  if (key === undefined) keys.set(name, (key = `\r\n${name}:`))
  return key
}

/** Status line and headers of a response. The headers are looked up in the text: most are never asked for. */
export class ResponseHead {
  readonly status: number
  readonly framing: Framing
  /** The connection may carry another call once the body has ended. */
  readonly keepAlive: boolean
  /** How long the server says it keeps an idle connection. */
  readonly idleMs: number | undefined
  readonly #text: string
  readonly #lower: string

  /** `text` is without the blank line at the end. Throws `Failure('upstream_invalid')`. */
  constructor(text: string) {
    const [, version, status] = shape.exec(text) ?? invalid('does not begin as HTTP/1 does')
    this.#text = text
    this.#lower = text.toLowerCase()
    this.status = Number(status)
    this.framing = this.#framing()
    this.keepAlive = version === '1' && !/(?:^|[,\s])close(?:$|[,\s])/i.test(this.header('connection') ?? '')
    const timeout = /\btimeout=(\d{1,6})/i.exec(this.header('keep-alive') ?? '')?.[1]
    this.idleMs = timeout === undefined ? undefined : Number(timeout) * 1000
  }

  /** A header by its lower-case name; several of one name are joined with a comma. */
  header(name: string): string | undefined {
    const key = keyOf(name)
    let value: string | undefined
    for (let at = this.#lower.indexOf(key); at >= 0; at = this.#lower.indexOf(key, at + key.length)) {
      const end = this.#text.indexOf('\r\n', at + key.length)
      const one = this.#text.slice(at + key.length, end < 0 ? undefined : end).trim()
      value = value === undefined ? one : `${value}, ${one}`
    }
    return value
  }

  #framing(): Framing {
    if (this.status < 200 || this.status === 204 || this.status === 304) return 0
    const coding = this.header('transfer-encoding')
    const length = this.header('content-length')
    if (coding === undefined) {
      if (length === undefined) return 'close'
      // Two lengths are joined with a comma, and so refused even where they agree.
      return /^\d{1,15}$/.test(length)
        ? Number(length)
        : invalid('has a content-length that is not one number')
    }
    // Both at once is how one response is made to look like two.
    if (length !== undefined) return invalid('has both a content-length and a transfer-encoding')
    return coding.toLowerCase() === 'chunked' ? 'chunked' : invalid('has an unknown transfer-encoding')
  }
}
