import { createFetchTransport } from './fetch.ts'
import { isLocalHost } from './local.ts'
import type { ProxyFor } from './proxy.ts'
import { createSocketTransport, type PooledTransport } from './socket.ts'

export interface TransportOptions {
  /** The proxy for an https address, if one applies (`proxyFromEnvironment`). Left out: no proxy at all. */
  readonly proxyFor?: ProxyFor | undefined
  /** PEM certificates to trust instead of the machine's. */
  readonly ca?: string | undefined
}

/** All ways out: our own sockets, and `fetch` only where a proxy applies. Only the door is given one. */
export const createTransport = ({ proxyFor, ca }: TransportOptions = {}): PooledTransport => {
  const trust = ca === undefined ? {} : { ca }
  const socket = createSocketTransport(trust)
  if (proxyFor === undefined) return socket
  const proxyOutside: ProxyFor = (url) => (isOutside(url) ? proxyFor(url) : undefined)
  const proxied = createFetchTransport({ proxyFor: proxyOutside, ...trust })
  return Object.assign(
    (call: Parameters<PooledTransport>[0]) =>
      proxyOutside(call.url) === undefined ? socket(call) : proxied(call),
    {
      close: () => socket.close(),
    },
  )
}

/** Whatever `proxyFor` says: plain http and hosts in the house go straight. */
const isOutside = (address: string): boolean => {
  const url = URL.parse(address)
  return url?.protocol === 'https:' && !isLocalHost(url.hostname)
}
