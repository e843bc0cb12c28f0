import { Failure } from '../core/failure.ts'
import { noProxy } from './no-proxy.ts'

/** The proxy for an https address, if one applies. */
export type ProxyFor = (url: string) => string | undefined

/**
 * `https_proxy` and `no_proxy`, or the same in capitals, read once; `all_proxy` where it is no SOCKS proxy, which there
 * is no way to use. Undefined where no proxy is set. Throws `Failure('config_invalid')`.
 */
export const proxyFromEnvironment = (
  env: Readonly<Record<string, string | undefined>>,
): ProxyFor | undefined => {
  const named = read(env, 'https_proxy') ?? read(env, 'all_proxy')?.replace(/^socks.*/i, '')
  if (named === undefined || named === '') return undefined
  const proxy = URL.parse(named.includes('://') ? named : `http://${named}`)
  if (proxy === null || !/^https?:$/.test(proxy.protocol)) {
    throw new Failure('config_invalid', 'HTTPS_PROXY is not an http or https address.')
  }
  const isException = noProxy(read(env, 'no_proxy') ?? '')
  return (address) => {
    const url = URL.parse(address)
    if (url === null || isException(url.hostname, url.port || '443')) return undefined
    return proxy.href
  }
}

/** The lower case first, as curl and Bun's fetch read it; an empty one is none. */
const read = (env: Readonly<Record<string, string | undefined>>, name: string): string | undefined =>
  env[name] || env[name.toUpperCase()] || undefined
