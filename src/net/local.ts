/** True for a host that no proxy outside the house can or should reach: this machine, private ranges, bare names. */
export const isLocalHost = (hostname: string): boolean => {
  const name = hostname
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
    .toLowerCase()
  if (name.includes(':')) return isLocalAddress6(name)
  if (/^\d+\.\d+\.\d+\.\d+$/.test(name)) return isLocalAddress4(name)
  return !name.includes('.') || /\.(?:localhost|local|internal|lan|home\.arpa)$/.test(name)
}

const isLocalAddress4 = (address: string): boolean => {
  const [a = 0, b = 0] = address.split('.').map(Number)
  return (
    a === 0 ||
    a === 10 ||
    a === 127 ||
    (a === 100 && b >= 64 && b < 128) ||
    (a === 169 && b === 254) ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168)
  )
}

const isLocalAddress6 = (address: string): boolean => {
  const mapped = /^::ffff:([\da-f]{1,4}):[\da-f]{1,4}$/.exec(address)?.[1]
  if (mapped !== undefined) {
    const high = Number.parseInt(mapped, 16)
    return isLocalAddress4(`${high >> 8}.${high & 255}.0.0`)
  }
  return address === '::' || address === '::1' || /^(?:f[cd][\da-f]{2}|fe[89ab][\da-f]):/.test(address)
}
