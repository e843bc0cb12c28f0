/**
 * Which hosts are this machine, and which are in the house. Decided by the name alone, as `URL` writes it or as people
 * do (`[::1]`, `::1`, a final dot): nothing is looked up.
 */

/** This machine: 127/8, ::1, localhost and what is below it. 0.0.0.0 is not: who listens there is open to all. */
export const isLoopback = (hostname: string): boolean => {
  const name = plain(hostname)
  const address = addressIn(name)
  if (address !== undefined) return address[0] === 127
  return name === '[::1]' || name === 'localhost' || (name.endsWith('.localhost') && isName(name))
}

/**
 * A host that only the own network knows: loopback, 0/8 (which reaches this machine), RFC 1918, 100.64/10, link-local
 * and unique local addresses, names without a dot, and names below .local, .internal, .lan and .home.arpa.
 */
export const isInHouse = (hostname: string): boolean => {
  if (isLoopback(hostname)) return true
  const name = plain(hostname)
  const address = addressIn(name)
  if (address !== undefined) return isPrivate(address)
  if (name.startsWith('[')) return name === '[::]' || /^\[(?:f[cd][\da-f]{2}|fe[89ab][\da-f]):/.test(name)
  return isName(name) && (!name.includes('.') || /\.(?:local|internal|lan|home\.arpa)$/.test(name))
}

const isPrivate = ([a, b]: Address): boolean =>
  a === 0 ||
  a === 10 ||
  (a === 100 && b >= 64 && b < 128) ||
  (a === 169 && b === 254) ||
  (a === 172 && b >= 16 && b < 32) ||
  (a === 192 && b === 168)

const isName = (name: string): boolean => /^[a-z\d_-]+(?:\.[a-z\d_-]+)*$/.test(name)

/** Lower case, no final dot; IPv6 in its shortest form and in brackets, without its zone. */
const plain = (hostname: string): string => {
  const name = hostname.toLowerCase().replace(/\.$/, '')
  if (!name.includes(':')) return name
  const bare = name.replace(/^\[(.*)\]$/, '$1').replace(/%.*$/, '')
  return URL.parse(`http://[${bare}]`)?.hostname ?? name
}

/** The first two bytes of an IPv4 address: all that its range is told by. */
type Address = readonly [a: number, b: number]

/** Of an IPv4 address, also where it is written as an IPv6 one. */
const addressIn = (name: string): Address | undefined => {
  const mapped = /^\[::ffff:([\da-f]{1,4}):[\da-f]{1,4}\]$/.exec(name)?.[1]
  if (mapped !== undefined) {
    const high = Number.parseInt(mapped, 16)
    return [high >> 8, high & 255]
  }
  if (!/^(?:(?:0|[1-9]\d{0,2})\.){3}(?:0|[1-9]\d{0,2})$/.test(name)) return undefined
  const [a = 256, b = 256, ...rest] = name.split('.').map(Number)
  return [a, b, ...rest].every((byte) => byte < 256) ? [a, b] : undefined
}
