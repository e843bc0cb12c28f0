import { isUtf8 } from 'node:buffer'

import { Failure } from './failure.ts'
import {
  backslash,
  closeBrace,
  closeBracket,
  colon,
  comma,
  endOfScalar,
  isSpace,
  openBrace,
  openBracket,
  quote,
  skipPlain,
} from './json-bytes.ts'

/** Where a value stands in the text: byte offsets, end exclusive. */
export interface Member {
  readonly key: string
  /** The quote that opens the key. */
  readonly keyStart: number
  readonly start: number
  readonly end: number
}

const maxDepth = 512
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

const wants = { value: 0, keyOrEnd: 1, key: 2, colon: 3, commaOrEnd: 4, valueOrEnd: 5, nothing: 6 } as const
type Want = (typeof wants)[keyof typeof wants]

/** A strict JSON reader that can stop after any token and go on, remembering the spans of the outermost members. */
export class Scanner {
  readonly top: Member[] = []
  readonly #bytes: Uint8Array
  #at = 0
  #want: Want = wants.value
  /** For each open container the keys seen, or undefined for an array. */
  readonly #open: (KeySet | undefined)[] = []
  #key = ''
  #keyStart = 0
  #valueStart = 0
  /** A string that a slice ended in: where it began; -1 when none. */
  #stringFrom = -1
  #stringAt = 0
  #escaped = false

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    if (!isUtf8(bytes)) this.#fail('is not UTF-8')
    if (bytes[0] === 0xef && bytes[1] === 0xbb) this.#fail('starts with a byte order mark')
  }

  /** Reads on for about `budget` bytes; true when the text is read whole. */
  run(budget: number): boolean {
    const bytes = this.#bytes
    const stop = (this.#stringFrom === -1 ? this.#at : this.#stringAt) + budget
    while (this.#at < bytes.length) {
      if (this.#at >= stop) return false
      const byte = bytes[this.#at] as number
      if (isSpace(byte)) this.#at++
      else if (byte === quote) {
        if (!this.#string(stop)) return false
      } else this.#punctuation(byte)
    }
    if (this.#want !== wants.nothing) this.#fail('ends too early')
    return true
  }

  #punctuation(byte: number): void {
    const want = this.#want
    switch (byte) {
      case openBrace:
      case openBracket:
        this.#expect(want === wants.value || want === wants.valueOrEnd)
        if (this.#open.length === 0 && byte === openBracket) this.#fail('is not an object')
        if (this.#open.length === maxDepth) this.#fail(`is nested deeper than ${maxDepth}`)
        if (this.#open.length === 1) this.#valueStart = this.#at
        this.#open.push(byte === openBrace ? new KeySet() : undefined)
        this.#want = byte === openBrace ? wants.keyOrEnd : wants.valueOrEnd
        this.#at++
        return
      case closeBrace:
        this.#expect(
          this.#open.at(-1) !== undefined && (want === wants.keyOrEnd || want === wants.commaOrEnd),
        )
        this.#close()
        return
      case closeBracket:
        this.#expect(
          this.#open.length > 0 &&
            this.#open.at(-1) === undefined &&
            (want === wants.valueOrEnd || want === wants.commaOrEnd),
        )
        this.#close()
        return
      case comma:
        this.#expect(want === wants.commaOrEnd && this.#open.length > 0)
        this.#want = this.#open.at(-1) === undefined ? wants.value : wants.key
        this.#at++
        return
      case colon:
        this.#expect(want === wants.colon)
        this.#want = wants.value
        this.#at++
        return
      default:
        this.#expect(want === wants.value || want === wants.valueOrEnd)
        this.#scalar()
    }
  }

  #close(): void {
    this.#open.pop()
    this.#at++
    this.#ended()
  }

  /** A value is complete. */
  #ended(): void {
    if (this.#open.length === 1) {
      this.top.push({ key: this.#key, keyStart: this.#keyStart, start: this.#valueStart, end: this.#at })
    }
    this.#want = this.#open.length === 0 ? wants.nothing : wants.commaOrEnd
  }

  /** True when the string is read to its end; false when the slice is used up inside it. */
  #string(stop: number): boolean {
    const bytes = this.#bytes
    if (this.#stringFrom === -1) {
      const want = this.#want
      this.#expect(want <= wants.key || want === wants.valueOrEnd)
      if (this.#open.length === 0) this.#fail('is not an object')
      this.#stringFrom = this.#at
      this.#stringAt = this.#at + 1
      this.#escaped = false
    }
    let at = this.#stringAt
    for (;;) {
      const pause = Math.min(stop, bytes.length)
      at = skipPlain(bytes, at, pause)
      const byte = bytes[at]
      if (byte === undefined) this.#fail('ends inside a string')
      if (byte === quote) break
      if (byte === backslash) {
        this.#escaped = true
        at = this.#escape(at)
      } else if (byte < 0x20) this.#fail('has a control character inside a string', at)
      if (at >= stop) {
        this.#stringAt = at
        return false
      }
    }
    const from = this.#stringFrom
    this.#stringFrom = -1
    this.#at = at + 1
    const keys = this.#open.at(-1)
    if (keys !== undefined && (this.#want === wants.keyOrEnd || this.#want === wants.key))
      this.#keyRead(keys, from)
    else {
      if (this.#open.length === 1) this.#valueStart = from
      this.#ended()
    }
    return true
  }

  #keyRead(keys: KeySet, from: number): void {
    const raw = this.#bytes.subarray(from, this.#at)
    const key = this.#escaped
      ? (JSON.parse(decoder.decode(raw)) as string)
      : decoder.decode(raw.subarray(1, -1))
    if (!keys.add(key)) {
      throw new Failure('duplicate_key', {
        message: `The body names ${JSON.stringify(key.slice(0, 80))} twice in one object.`,
        param: key,
      })
    }
    if (this.#open.length === 1) {
      this.#key = key
      this.#keyStart = from
    }
    this.#want = wants.colon
  }

  #escape(at: number): number {
    const byte = this.#bytes[at + 1]
    if (byte === 0x75) {
      for (let i = at + 2; i < at + 6; i++)
        if (!isHex(this.#bytes[i])) this.#fail('has a broken \\u escape', at)
      return at + 6
    }
    if (byte === undefined || !simpleEscapes.has(byte)) this.#fail('has an unknown escape', at)
    return at + 2
  }

  #scalar(): void {
    const from = this.#at
    if (this.#open.length === 0) this.#fail('is not an object')
    // What follows right behind it is met as the next token: `01` and `truest` do not pass.
    const end = endOfScalar(this.#bytes, from)
    if (end === -1) this.#fail('has something that is no JSON value', from)
    if (this.#open.length === 1) this.#valueStart = from
    this.#at = end
    this.#ended()
  }

  #expect(condition: boolean): asserts condition {
    if (!condition) this.#fail('is not JSON', this.#at)
  }

  #fail(what: string, at?: number): never {
    throw new Failure('bad_json', `The body ${what}${at === undefined ? '' : ` (byte ${at})`}.`)
  }
}

/** The keys of one object: a short list is compared, a long one hashed. */
class KeySet {
  #few: string[] | undefined = []
  #many: Set<string> | undefined

  /** False when the key was there. */
  add(key: string): boolean {
    if (this.#many !== undefined) {
      if (this.#many.has(key)) return false
      this.#many.add(key)
      return true
    }
    const few = this.#few as string[]
    if (few.includes(key)) return false
    few.push(key)
    if (few.length > 16) {
      this.#many = new Set(few)
      this.#few = undefined
    }
    return true
  }
}

const simpleEscapes = new Set([quote, backslash, 0x2f, 0x62, 0x66, 0x6e, 0x72, 0x74])
const isHex = (byte: number | undefined): boolean =>
  byte !== undefined && ((byte >= 0x30 && byte <= 0x39) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66))
