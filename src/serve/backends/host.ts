/** This machine itself: 127/8, ::1, localhost. */
export function isLoopback(url: string): boolean {
  const host = hostOf(url)
  return (
    host === 'localhost' ||
    host.endsWith('.localhost') ||
    host === '[::1]' ||
    /^127\.\d+\.\d+\.\d+$/.test(host)
  )
}

/** Loopback, a private address range, or a name that only an own network resolves. */
export function isPrivate(url: string): boolean {
  const host = hostOf(url)
  if (isLoopback(url)) return true
  if (host.startsWith('[')) return /^\[f[cd]/.test(host)
  if (/^\d+\.\d+\.\d+\.\d+$/.test(host)) return /^(?:10|192\.168|172\.(?:1[6-9]|2\d|3[01]))\./.test(host)
  return !host.includes('.') || /\.(?:local|internal|lan|home\.arpa)$/.test(host)
}

const hostOf = (url: string): string => new URL(url).hostname.toLowerCase().replace(/\.$/, '')
