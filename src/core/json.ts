import { Failure } from './failure.ts'
import { closeBrace, openBrace, openBracket } from './json-bytes.ts'
import { decodeJson } from './json-decode.ts'
import { isSmall, Printer } from './json-print.ts'
import { readJson, type JsonObject } from './json-read.ts'
import { Scanner, type Member } from './json-scanner.ts'
import { atOnce, inTurns, type Work } from './turns.ts'

/**
 * Set the value at a path of keys; undefined takes the member out. Missing objects on the way are made. A large value
 * for a top-level key may come as a JsonText, printed in steps beforehand.
 */
export interface Edit {
  readonly path: readonly string[]
  readonly value: unknown
}

/** Members up to which a look-up compares them one by one. */
const mostCompared = 32
/** Up to this many bytes are read by the engine's own parser, in one go: a millisecond, or three where all is numbers. */
const mostAtOnce = 128 * 1024
/** Bytes that are scanned before the work may be laid down. */
const stepBytes = 8 * 1024

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const encoder = new TextEncoder()

/**
 * A JSON object that keeps its bytes. Values are decoded when asked for; edits replace spans, so numbers of any
 * length, key order, spacing and unknown fields survive. The text is checked whole: strict JSON (RFC 8259), UTF-8,
 * no key twice in one object.
 */
export class JsonText {
  readonly bytes: Uint8Array
  /** The object, where it was small enough to be read whole, or was printed here. */
  readonly #value: JsonObject | undefined
  #spans: Spans | undefined
  #decoded: Map<string, unknown> | undefined

  private constructor(bytes: Uint8Array, value: JsonObject | undefined, spans: Spans | undefined) {
    this.bytes = bytes
    this.#value = value
    this.#spans = spans
  }

  /** Throws `Failure('bad_json' | 'duplicate_key')`. */
  static parse(bytes: Uint8Array): JsonText {
    const value = bytes.length <= mostAtOnce ? readJson(bytes) : undefined
    // The scanner knows what is wrong, and where.
    return value === undefined ? atOnce(JsonText.scanned(bytes)) : new JsonText(bytes, value, undefined)
  }

  /** Small bodies at once, large ones in turns, so that they hold nobody up. Throws and rejects as `parse` does. */
  static read(bytes: Uint8Array): JsonText | Promise<JsonText> {
    return bytes.length <= mostAtOnce ? JsonText.parse(bytes) : inTurns(JsonText.#reading(bytes))
  }

  /** All but the long lists, which not everybody asks for, is decoded: `get` has it at hand. */
  static *#reading(bytes: Uint8Array): Work<JsonText> {
    const text = yield* JsonText.scanned(bytes)
    yield* text.#decode((member) => !isLongList(bytes, member))
    return text
  }

  /** As `parse`, in steps. */
  static *scanned(bytes: Uint8Array): Work<JsonText> {
    return new JsonText(bytes, undefined, yield* spansOf(bytes))
  }

  static from(value: Readonly<Record<string, unknown>>): JsonText {
    return atOnce(JsonText.printed(value))
  }

  /** The text of a value that is made of JSON's own, in steps; undefined members are left out. */
  static *printed(value: Readonly<Record<string, unknown>>): Work<JsonText> {
    const members = Object.entries(value).filter(([, member]) => member !== undefined)
    if (isSmall(value)) {
      return new JsonText(encoder.encode(JSON.stringify(value)), Object.fromEntries(members), undefined)
    }
    const printer = new Printer()
    const spans: Member[] = []
    for (const [key, member] of members) {
      printer.write(spans.length === 0 ? '{' : ',')
      const keyStart = printer.length
      printer.write(`${JSON.stringify(key)}:`)
      const start = printer.length
      yield* printer.value(member)
      spans.push({ key, keyStart, start, end: printer.length })
    }
    printer.write(spans.length === 0 ? '{}' : '}')
    return new JsonText(printer.bytes(), Object.fromEntries(members), { list: spans })
  }

  keys(): string[] {
    if (this.#value !== undefined) return Object.keys(this.#value)
    return this.#members.map((member) => member.key)
  }

  has(key: string): boolean {
    return this.#value === undefined ? this.#find(key) !== undefined : Object.hasOwn(this.#value, key)
  }

  /**
   * The decoded value of a top-level key; undefined when absent. Whoever asks for what may be a long list (messages,
   * documents …) has called `decoding` before; anywhere else one is refused. Throws `Failure('bad_request')`.
   */
  get(key: string): unknown {
    if (this.#value !== undefined) return Object.hasOwn(this.#value, key) ? this.#value[key] : undefined
    if (this.#decoded?.has(key) === true) return this.#decoded.get(key)
    const member = this.#find(key)
    if (member === undefined) return undefined
    if (isLongList(this.bytes, member)) {
      throw new Failure('bad_request', { message: `\`${key.slice(0, 80)}\` is too long.`, param: key })
    }
    const value: unknown = JSON.parse(decoder.decode(this.bytes.subarray(member.start, member.end)))
    this.#decoded ??= new Map()
    this.#decoded.set(key, value)
    return value
  }

  /** What stands at a top-level key, without decoding it; undefined when absent. */
  typeOf(key: string): 'list' | 'text' | 'null' | 'other' | undefined {
    if (this.#value === undefined) {
      const member = this.#find(key)
      return member === undefined ? undefined : (types[this.bytes[member.start] ?? 0] ?? 'other')
    }
    const value = this.get(key)
    if (value === undefined) return undefined
    if (value === null) return 'null'
    return Array.isArray(value) ? 'list' : typeof value === 'string' ? 'text' : 'other'
  }

  /** A list with nothing in it stands at a top-level key. */
  isEmptyList(key: string): boolean {
    if (this.#value !== undefined) return Bun.deepEquals(this.get(key), [])
    const { start, end } = this.#find(key) ?? { start: 0, end: 0 }
    // In a value that was read whole, nothing but blanks is between the brackets of an empty list.
    return this.typeOf(key) === 'list' && this.bytes.subarray(start + 1, end - 1).every(isBlank)
  }

  /** Decodes members, all or those of these keys, in steps: what `get` is asked for after that is at hand. */
  decoding(keys?: readonly string[]): Work<void> {
    return this.#decode(({ key }) => keys === undefined || keys.includes(key))
  }

  /** Finds out, in steps, where all members stand: `span` and `edit` know it after that. */
  *locating(): Work<void> {
    this.#spans ??= yield* spansOf(this.bytes)
  }

  /** Where the value of a top-level key stands in `bytes`: offsets, end exclusive. */
  span(key: string): { readonly start: number; readonly end: number } | undefined {
    return this.#find(key)
  }

  /** The whole object, decoded. */
  value(): Record<string, unknown> {
    return Object.fromEntries(this.#members.map((member) => [member.key, this.get(member.key)]))
  }

  /** The bytes with these edits, everything else untouched. */
  edit(edits: readonly Edit[]): Uint8Array {
    return atOnce(this.editing(edits))
  }

  /** As `edit`, in steps. `splices` go where no edit reaches. */
  *editing(edits: readonly Edit[], splices: readonly Splice[] = []): Work<Uint8Array> {
    if (edits.length === 0 && splices.length === 0) return this.bytes
    yield* this.locating()
    const all = [...(yield* this.#splices(edits, 0)), ...splices]
    return applySplices(
      this.bytes,
      all.toSorted((a, b) => a.start - b.start),
    )
  }

  /** Only edits need to know where things stand. */
  get #members(): readonly Member[] {
    return (this.#spans ??= atOnce(spansOf(this.bytes))).list
  }

  #find(key: string): Member | undefined {
    const { list, byKey } = (this.#spans ??= atOnce(spansOf(this.bytes)))
    return byKey === undefined ? list.find((member) => member.key === key) : byKey.get(key)
  }

  *#decode(isWanted: (member: Member) => boolean): Work<void> {
    if (this.#value !== undefined) return
    this.#decoded ??= new Map()
    for (const member of this.#members) {
      const { key, start } = member
      if (!this.#decoded.has(key) && isWanted(member)) {
        this.#decoded.set(key, yield* decodeJson(this.bytes, start))
      }
      yield
    }
  }

  *#splices(edits: readonly Edit[], depth: number): Work<Splice[]> {
    const splices: Splice[] = []
    const added: { readonly key: string; readonly text: Splice['text'] }[] = []
    const gone = new Set<Member>()
    for (const [key, group] of Map.groupBy(edits, (edit) => edit.path[depth] ?? '')) {
      const member = this.#find(key)
      const last = group.at(-1)
      if (last === undefined) continue
      const here = last.path.length === depth + 1
      if (member === undefined) {
        const value = here ? last.value : fresh(group, depth + 1)
        if (value !== undefined) added.push({ key, text: print(value) })
      } else if (here && last.value === undefined) {
        gone.add(member)
      } else if (here) {
        splices.push({ start: member.start, end: member.end, text: print(last.value) })
      } else if (this.bytes[member.start] === openBrace) {
        const inner = yield* JsonText.scanned(this.bytes.subarray(member.start, member.end))
        for (const splice of yield* inner.#splices(group, depth + 1)) {
          splices.push({ ...splice, start: splice.start + member.start, end: splice.end + member.start })
        }
      } else {
        splices.push({
          start: member.start,
          end: member.end,
          text: JSON.stringify(fresh(group, depth + 1) ?? null),
        })
      }
    }
    this.#removals(gone, splices)
    const close = this.bytes.lastIndexOf(closeBrace)
    let before = this.#members.length === gone.size ? '' : ','
    for (const { key, text } of added) {
      const name = `${before}${JSON.stringify(key)}:`
      splices.push({ start: close, end: close, text: name }, { start: close, end: close, text })
      before = ','
    }
    return splices
  }

  /** A member goes with one comma: the one behind it, or at the end the one before the last that stays. */
  #removals(gone: ReadonlySet<Member>, splices: Splice[]): void {
    const members = this.#members
    let kept: Member | undefined
    for (let i = 0; i < members.length; i++) {
      const member = members[i]
      if (member === undefined) continue
      if (!gone.has(member)) {
        kept = member
        continue
      }
      let last = i
      while (last + 1 < members.length && gone.has(members[last + 1] as Member)) last++
      const next = members[last + 1]
      const start = next === undefined && kept !== undefined ? kept.end : member.keyStart
      splices.push({
        start,
        end: next === undefined ? (members[last] as Member).end : next.keyStart,
        text: '',
      })
      i = last
    }
  }
}

const print = (value: unknown): Splice['text'] =>
  value instanceof JsonText ? value.bytes : JSON.stringify(value)

/** JSON.parse; where the text is a large object, in steps. Throws SyntaxError. */
export function* parseJson(text: string): Work<unknown> {
  if (text.length <= mostAtOnce) return JSON.parse(text)
  try {
    const body = yield* JsonText.scanned(encoder.encode(text))
    yield* body.decoding()
    return body.value()
  } catch {
    // A list, a key twice, or no JSON at all.
    return JSON.parse(text)
  }
}

/** Text in place of a span of bytes. */
export interface Splice {
  readonly start: number
  readonly end: number
  readonly text: string | Uint8Array
}

/** The object that a group of deeper edits makes where there was none. */
function fresh(edits: readonly Edit[], depth: number): Record<string, unknown> | undefined {
  const made: Record<string, unknown> = {}
  for (const { path, value } of edits) {
    if (value === undefined) continue
    let at = made
    for (const key of path.slice(depth, -1)) at = (at[key] ??= {}) as Record<string, unknown>
    at[path.at(-1) ?? ''] = value
  }
  return Object.keys(made).length === 0 ? undefined : made
}

function applySplices(bytes: Uint8Array, splices: readonly Splice[]): Uint8Array {
  const pieces: Uint8Array[] = []
  let from = 0
  for (const { start, end, text } of splices) {
    pieces.push(bytes.subarray(from, start))
    if (text !== '') pieces.push(typeof text === 'string' ? encoder.encode(text) : text)
    from = end
  }
  pieces.push(bytes.subarray(from))
  return Buffer.concat(pieces)
}

/** Where the members stand. */
interface Spans {
  readonly list: readonly Member[]
  /** A few are compared; many are looked up, or a body of 100,000 keys would take half a minute. */
  readonly byKey?: ReadonlyMap<string, Member>
}

function* spansOf(bytes: Uint8Array): Work<Spans> {
  const scanner = new Scanner(bytes)
  while (!scanner.run(stepBytes)) yield
  const list = scanner.top
  if (list.length <= mostCompared) return { list }
  const byKey = new Map<string, Member>()
  for (const member of list) {
    byKey.set(member.key, member)
    yield
  }
  return { list, byKey }
}

const isLongList = (bytes: Uint8Array, { start, end }: Member): boolean =>
  end - start > mostAtOnce && bytes[start] === openBracket

const isBlank = (byte: number): boolean => byte <= 0x20

/** By the first byte of a value. */
const types: Readonly<Record<number, 'list' | 'text' | 'null'>> = { 0x5b: 'list', 0x22: 'text', 0x6e: 'null' }
