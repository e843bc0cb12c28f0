import { Failure } from '../core/failure.ts'

/** Where a connection leads: what two calls must have in common to share one. */
export interface Origin {
  /** `http://host:port`, the pool's key. */
  readonly key: string
  readonly tls: boolean
  /** Without the brackets of an IPv6 address. */
  readonly hostname: string
  readonly port: number
}

export interface Address {
  readonly origin: Origin
  /** The `host` header. */
  readonly host: string
  /** Path and query: what stands in the request line. */
  readonly target: string
}

const refuse = (message: string): never => {
  throw new Failure('bad_request', message)
}

/** Reads a URL, and refuses what must not be asked for. Throws `Failure('bad_request')`; never names the URL's query. */
export const readAddress = (text: string): Address => {
  // The URL parser would silently drop line breaks and tabs; an address that has them is an attack or a mistake.
  if (!/^[\x21-\x7e\x80-\u{10ffff}]+$/u.test(text))
    refuse('An upstream address has a space or a control character.')
  const url = URL.parse(text) ?? refuse('An upstream address is not a URL.')
  const tls = url.protocol === 'https:'
  if (!tls && url.protocol !== 'http:') refuse('An upstream address is neither http nor https.')
  if (url.username !== '' || url.password !== '') {
    refuse('An upstream address holds a user name or password; send them in a header.')
  }
  const port = url.port === '' ? (tls ? 443 : 80) : Number(url.port)
  if (port === 0) refuse('An upstream address has the port 0.')
  return {
    origin: { key: url.origin, tls, hostname: url.hostname.replace(/^\[(.*)\]$/, '$1'), port },
    host: url.host,
    target: url.pathname + url.search,
  }
}
