const pattern = /^(?:\[(?<address>[\da-f:.]+)\]|(?<host>[^\s:[\]/%]+)):(?<port>\d{1,5})$/i

/**
 * `HOST:PORT`, where to listen: an IPv6 address stands in brackets and has no zone, port 0 takes a free one. The host
 * without brackets; undefined where it is something else.
 */
export function listenAddress(text: string): { readonly host: string; readonly port: number } | undefined {
  const { address, host = address, port } = pattern.exec(text)?.groups ?? {}
  return host === undefined || Number(port) > 65_535 ? undefined : { host, port: Number(port) }
}
