import { keyInPath } from './credential.ts'

/** Where the path of an absolute address begins. */
const pathStart = (url: string): number => url.indexOf('/', url.indexOf('://') + 3)

/** The path of an absolute address, without its query. */
export function pathOf(url: string): string {
  const from = pathStart(url)
  const to = url.indexOf('?', from)
  return to === -1 ? url.slice(from) : url.slice(from, to)
}

/**
 * The same request as the handler reads it: a key out of the path in its header, and an absolute address. Bun gives the
 * path alone where there is no host or a broken one; probes of load balancers that speak HTTP/1.0 send none.
 */
export function readable(request: Request): Request {
  const { url } = request
  const isAbsolute = !url.startsWith('/')
  if (isAbsolute && !url.includes('/k/')) return request
  // By hand: an address with a broken host cannot be parsed, and the error would quote it with its key.
  const path = isAbsolute ? url.slice(pathStart(url)) : url
  const found = keyInPath(path)
  if (isAbsolute && found === undefined) return request
  const headers = new Headers(request.headers)
  if (found !== undefined) headers.set('authorization', `Bearer ${found.key}`)
  return new Request(`http://localhost${found?.path ?? path}`, {
    method: request.method,
    headers,
    body: request.body,
    signal: request.signal,
  })
}
