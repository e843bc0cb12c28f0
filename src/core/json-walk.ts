import {
  closeBrace,
  closeBracket,
  comma,
  endOfScalar,
  endOfText,
  openBrace,
  openBracket,
  quote,
  skipSpace,
} from './json-bytes.ts'

/**
 * Where the values of these members of an object begin. Reads no further than it must.
 * The bytes are known to be JSON; `open` is the object's brace.
 */
export function startsOf(
  bytes: Uint8Array,
  open: number,
  wanted: readonly string[],
): ReadonlyMap<string, number> {
  const starts = new Map<string, number>()
  let at = skipSpace(bytes, open + 1)
  while (bytes[at] === quote) {
    const end = endOfText(bytes, at + 1, bytes.length) + 1
    const key = JSON.parse(Buffer.from(bytes.subarray(at, end)).toString()) as string
    const start = skipSpace(bytes, skipSpace(bytes, end) + 1)
    if (wanted.includes(key)) starts.set(key, start)
    if (starts.size === wanted.length) break
    at = skipSpace(bytes, endOfValue(bytes, start, bytes.length))
    if (bytes[at] === comma) at = skipSpace(bytes, at + 1)
  }
  return starts
}

/** Where the value ends that begins at `start`; -1 where that is behind `limit`. The bytes are known to be JSON. */
export function endOfValue(bytes: Uint8Array, start: number, limit: number): number {
  let depth = 0
  let at = start
  do {
    const byte = bytes[at]
    if (byte === openBrace || byte === openBracket) depth++
    else if (byte === closeBrace || byte === closeBracket) depth--
    const end = byte === quote ? endOfText(bytes, at + 1, limit) + 1 : endOfScalar(bytes, at)
    at = end === -1 ? at + 1 : end
    if (at > limit) return -1
  } while (depth > 0)
  return at
}
