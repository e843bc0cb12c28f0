export const quote = 0x22
export const backslash = 0x5c
export const openBrace = 0x7b
export const closeBrace = 0x7d
export const openBracket = 0x5b
export const closeBracket = 0x5d
export const comma = 0x2c
export const colon = 0x3a
const minus = 0x2d
const plus = 0x2b
const point = 0x2e
const zero = 0x30

export const isSpace = (byte: number | undefined): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

export function skipSpace(bytes: Uint8Array, from: number): number {
  let at = from
  while (isSpace(bytes[at])) at++
  return at
}

/** Where the number, `true`, `false` or `null` ends that begins at `from`; -1 where none does. */
export function endOfScalar(bytes: Uint8Array, from: number): number {
  const word = words.get(bytes[from] ?? 0)
  if (word === undefined) return endOfNumber(bytes, from)
  return word.every((byte, at) => byte === bytes[from + at]) ? from + word.length : -1
}

const words = new Map(['true', 'false', 'null'].map((word) => [word.charCodeAt(0), Buffer.from(word)]))

function endOfNumber(bytes: Uint8Array, from: number): number {
  let at = bytes[from] === minus ? from + 1 : from
  const whole = bytes[at] === zero ? at + 1 : skipDigits(bytes, at)
  if (whole === at) return -1
  at = whole
  if (bytes[at] === point) {
    const end = skipDigits(bytes, at + 1)
    if (end === at + 1) return -1
    at = end
  }
  if (((bytes[at] ?? 0) | 0x20) !== 0x65) return at
  const sign = bytes[at + 1]
  const power = sign === plus || sign === minus ? at + 2 : at + 1
  const end = skipDigits(bytes, power)
  return end === power ? -1 : end
}

function skipDigits(bytes: Uint8Array, from: number): number {
  let at = from
  for (let byte = bytes[at]; byte !== undefined && byte >= zero && byte <= 0x39; byte = bytes[at]) at++
  return at
}

/** 1 for each byte that stands for itself inside a string. */
const plain = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte !== quote && byte !== backslash ? 1 : 0,
)

/** The first byte from `from` on that does not stand for itself inside a string; `limit` where all before it do. */
export function skipPlain(bytes: Uint8Array, from: number, limit: number): number {
  let at = from
  while (at < limit && plain[bytes[at] as number] === 1) at++
  return at
}

/**
 * Where the text of a string ends that goes on at `from`: at its closing quote, or at the first whole character at or
 * behind `limit`. The bytes are known to be JSON.
 */
export function endOfText(bytes: Uint8Array, from: number, limit: number): number {
  let at = from
  for (;;) {
    at = skipPlain(bytes, at, limit)
    const byte = bytes[at]
    if (byte === backslash) at += bytes[at + 1] === 0x75 ? 6 : 2
    else if (byte === undefined || byte === quote || (byte & 0xc0) !== 0x80) return at
    else at++
  }
}
