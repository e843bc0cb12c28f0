import { BlockList, isIP } from 'node:net'

/** Whether a host is called without the proxy. `hostname` as `URL` writes it. */
export type IsException = (hostname: string, port: string) => boolean

/**
 * The list of `NO_PROXY`. As curl reads it: hosts with all that is below them (a dot before or after means nothing),
 * addresses and their networks (`10.0.0.0/8`, `2001:db8::/32`), `*` for all; between commas or spaces. As others do
 * beside it: a port (`host:8443`, `[::1]:8443`) restricts an entry to it, `*.host` is `host`, and `*` may stand among
 * others. What is none of these fits no host.
 */
export const noProxy = (list: string): IsException => {
  const entries = list
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
  const rules = entries.map(readEntry)
  return (hostname, port) => {
    const host = withoutBrackets(hostname.toLowerCase().replace(/\.$/, ''))
    return rules.some((rule) => rule(host, port))
  }
}

const withoutBrackets = (host: string): string => host.replace(/^\[(.*)\]$/, '$1')

const readEntry = (entry: string): IsException => {
  if (entry === '*') return () => true
  // An IPv6 address without brackets has colons of its own, and no port.
  const [, host = entry, onlyPort] = /^(\[.*\]|[^:]*):(\d+)$/.exec(entry) ?? []
  const fits = readHost(withoutBrackets(host))
  return (hostname, port) => (onlyPort ?? port) === port && fits(hostname)
}

const readHost = (host: string): ((hostname: string) => boolean) => {
  const [address = '', prefix, ...more] = host.split('/')
  const family = isIP(address)
  if (family === 0) {
    const name = host.replace(/^\*?\.+/, '').replace(/\.+$/, '')
    return (hostname) => isIP(hostname) === 0 && (hostname === name || hostname.endsWith(`.${name}`))
  }
  const bits = family === 4 ? 32 : 128
  const length = prefix === undefined ? bits : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Infinity
  if (more.length > 0 || length > bits) return () => false
  const network = new BlockList()
  network.addSubnet(address, length, family === 4 ? 'ipv4' : 'ipv6')
  return (hostname) => isIP(hostname) === family && network.check(hostname, family === 4 ? 'ipv4' : 'ipv6')
}
