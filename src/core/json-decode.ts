import {
  backslash,
  closeBrace,
  closeBracket,
  endOfScalar,
  endOfText,
  openBrace,
  openBracket,
  quote,
} from './json-bytes.ts'
import { endOfValue } from './json-walk.ts'
import type { Work } from './turns.ts'

type Container = unknown[] | Record<string, unknown>

/** Bytes that are read before the work may be laid down. */
const stepBytes = 1024
/** Long texts are read in pieces of about this size. */
const pieceBytes = 128 * 1024

/**
 * The value that begins at `start`, as JSON.parse reads it, but in steps: lists and objects of up to `mostAtOnce` bytes
 * are left to the engine's own parser. The bytes are known to be JSON.
 */
export function* decodeJson(bytes: Uint8Array, start: number, mostAtOnce = 8 * 1024): Work<unknown> {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const open: Container[] = []
  /** For each open object the key whose value comes next; undefined where a key comes next, and for lists. */
  const keys: (string | undefined)[] = []
  let at = start
  let pause = start + stepBytes
  /** What begins before this stands in something large, and is not measured again. */
  let measureFrom = start
  for (;;) {
    if (at >= pause) {
      yield
      pause = at + stepBytes
    }
    const byte = bytes[at]
    let value: unknown
    if (byte === quote) {
      let string = ''
      for (let from = at + 1; ; from = at) {
        at = endOfPiece(bytes, from)
        string += unescaped(text.toString('utf8', from, at))
        if (bytes[at] === quote) break
        yield
      }
      at++
      value = string
      const inside = open.at(-1)
      if (inside !== undefined && !Array.isArray(inside) && keys.at(-1) === undefined) {
        keys[keys.length - 1] = string
        continue
      }
    } else if (byte === openBrace || byte === openBracket) {
      const end = at < measureFrom ? -1 : endOfValue(bytes, at, at + mostAtOnce)
      if (end === -1) {
        if (at >= measureFrom) measureFrom = at + mostAtOnce
        open.push(byte === openBrace ? {} : [])
        keys.push(undefined)
        at++
        continue
      }
      value = JSON.parse(text.toString('utf8', at, end))
      at = end
    } else if (byte === closeBrace || byte === closeBracket) {
      value = open.pop()
      keys.pop()
      at++
    } else {
      const end = endOfScalar(bytes, at)
      if (end === -1) {
        // Space, a comma or a colon.
        at++
        continue
      }
      value = scalarOf(text.toString('latin1', at, end))
      at = end
    }
    const inside = open.at(-1)
    if (inside === undefined) return value
    if (Array.isArray(inside)) inside.push(value)
    else {
      put(inside, keys.at(-1) ?? '', value)
      keys[keys.length - 1] = undefined
    }
  }
}

/** The engine finds a quote fastest; where it is an escaped one, or far away, characters are looked at one by one. */
function endOfPiece(bytes: Uint8Array, from: number): number {
  const close = bytes.indexOf(quote, from)
  return close - from <= pieceBytes && bytes[close - 1] !== backslash
    ? close
    : endOfText(bytes, from, from + pieceBytes)
}

function scalarOf(text: string): number | boolean | null {
  if (text === 'null') return null
  return text === 'true' || text === 'false' ? text === 'true' : Number(text)
}

const unescaped = (text: string): string => (text.includes('\\') ? (JSON.parse(`"${text}"`) as string) : text)

function put(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== '__proto__') object[key] = value
  else Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
}
