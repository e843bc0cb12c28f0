import { Failure } from '../core/failure.ts'

/** The proxy for an https address, if one applies. */
export type ProxyFor = (url: string) => string | undefined

/**
 * `HTTPS_PROXY` and `NO_PROXY` (lower case too), read once. `NO_PROXY` lists hosts with all under them, `host:port`, or `*`.
 * Undefined where no proxy is set. Throws `Failure('config_invalid')`.
 */
export const proxyFromEnvironment = (
  env: Readonly<Record<string, string | undefined>>,
): ProxyFor | undefined => {
  const named = env['HTTPS_PROXY'] || env['https_proxy']
  if (named === undefined || named === '') return undefined
  const proxy = URL.parse(named.includes('://') ? named : `http://${named}`)
  if (proxy === null || !/^https?:$/.test(proxy.protocol)) {
    throw new Failure('config_invalid', 'HTTPS_PROXY is not an http or https address.')
  }
  const exceptions = (env['NO_PROXY'] || env['no_proxy'] || '')
    .toLowerCase()
    .split(/[\s,]+/)
    .filter(Boolean)

  const isException = (hostname: string, port: string): boolean =>
    exceptions.some((exception) => {
      if (exception === '*') return true
      const [, host = '', onlyPort] = /^(.*?)(?::(\d+))?$/.exec(exception) ?? []
      const name = host.replace(/^\*?\./, '')
      return (onlyPort ?? port) === port && (hostname === name || hostname.endsWith(`.${name}`))
    })

  return (address) => {
    const url = URL.parse(address)
    if (url === null) return undefined
    return isException(url.hostname.replace(/\.$/, ''), url.port || '443') ? undefined : proxy.href
  }
}
