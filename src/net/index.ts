import { isInHouse } from '../core/hosts.ts'
import type { Transport } from '../core/send.ts'
import { createFetchTransport } from './fetch.ts'
import type { ProxyFor } from './proxy.ts'
import { createSocketTransport, type PooledTransport } from './socket.ts'

export interface TransportOptions {
  /** The proxy for an https address, if one applies (`proxyFromEnvironment`). Left out: no proxy at all. */
  readonly proxyFor?: ProxyFor | undefined
  /** PEM certificates to trust instead of the machine's. */
  readonly ca?: string | undefined
}

/**
 * All ways out: our own sockets, and `fetch` only where a proxy applies. Plain http and hosts in the house always go
 * straight, whatever `proxyFor` says.
 */
export const createTransport = (options: TransportOptions = {}): PooledTransport => {
  const proxyFor: ProxyFor = (address) => {
    if (options.proxyFor === undefined) return undefined
    const url = URL.parse(address)
    if (url?.protocol !== 'https:' || isInHouse(url.hostname)) return undefined
    return options.proxyFor(address)
  }
  const trust = options.ca === undefined ? {} : { ca: options.ca }
  const socket = createSocketTransport(trust)
  const proxied = createFetchTransport({ proxyFor, ...trust })
  const transport: Transport = (call) => (proxyFor(call.url) === undefined ? socket : proxied)(call)
  return Object.assign(transport, { close: () => socket.close() })
}
