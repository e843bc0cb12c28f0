import { Failure } from '../../core/failure.ts'
import {
  closeBrace,
  closeBracket,
  comma,
  endOfScalar,
  endOfText,
  isSpace,
  openBrace,
  openBracket,
  quote,
  skipSpace,
} from '../../core/json-bytes.ts'
import { decodeJson } from '../../core/json-decode.ts'
import type { JsonText } from '../../core/json.ts'
import type { Work } from '../../core/turns.ts'

/** An item of a conversation, as the dialect has it. */
export type Item = Readonly<Record<string, unknown>>

const encoder = new TextEncoder()
/** Bytes that are looked at before the work may be laid down. */
const stepBytes = 8 * 1024
/** Bytes that are copied before it may. */
const copyBytes = 128 * 1024

/** What is asked, as the bytes of a list of items; undefined where it is neither a list nor a text. */
export function inputItems(body: JsonText): Uint8Array | undefined {
  const span = body.span('input')
  const type = body.typeOf('input')
  if (span === undefined || (type !== 'list' && type !== 'text')) return undefined
  const bytes = body.bytes.subarray(span.start, span.end)
  return type === 'list' ? bytes : Buffer.concat([userText, bytes, userTextEnd])
}

const userText = encoder.encode('[{"type":"message","role":"user","content":[{"type":"input_text","text":')
const userTextEnd = encoder.encode('}]}]')

/** The items of a response, as the bytes of a list. */
export function outputItems(resource: JsonText): Uint8Array {
  const span = resource.typeOf('output') === 'list' ? resource.span('output') : undefined
  return span === undefined ? noItems : resource.bytes.subarray(span.start, span.end)
}

/** The items of a list, each as its bytes, in steps. The bytes are known to be JSON. */
export function* itemsOf(list: Uint8Array): Work<Uint8Array[]> {
  const items: Uint8Array[] = []
  let at = skipSpace(list, 1)
  while (list[at] !== closeBracket) {
    const end = yield* endOf(list, at)
    items.push(list.subarray(at, end))
    at = nextIn(list, end)
    yield
  }
  return items
}

/** The ids of a list's items, by which they can be referred to. */
export function* itemIds(list: Uint8Array): Work<string[]> {
  const ids: string[] = []
  for (const item of yield* itemsOf(list)) {
    const id = yield* idOf(item)
    if (id !== undefined) ids.push(id)
  }
  return ids
}

/** The id of an item; undefined where it has none. */
export function* idOf(item: Uint8Array): Work<string | undefined> {
  if (item[0] !== openBrace) return undefined
  let at = skipSpace(item, 1)
  while (item[at] === quote) {
    const keyEnd = yield* endOf(item, at)
    const start = skipSpace(item, skipSpace(item, keyEnd) + 1)
    if ((yield* decodeJson(item, at)) === 'id') {
      const id = yield* decodeJson(item, start)
      return typeof id === 'string' ? id : undefined
    }
    at = nextIn(item, yield* endOf(item, start))
  }
  return undefined
}

/** Where the value ends that begins at `start`. */
function* endOf(bytes: Uint8Array, start: number): Work<number> {
  let at = start
  let depth = 0
  let pause = at + stepBytes
  do {
    if (at >= pause) {
      yield
      pause = at + stepBytes
    }
    const byte = bytes[at]
    if (byte === openBrace || byte === openBracket) depth++
    else if (byte === closeBrace || byte === closeBracket) depth--
    if (byte === quote) at = yield* endOfString(bytes, at + 1)
    else {
      const end = endOfScalar(bytes, at)
      at = end === -1 ? at + 1 : end
    }
  } while (depth > 0)
  return at
}

function* endOfString(bytes: Uint8Array, from: number): Work<number> {
  let at = endOfText(bytes, from, from + stepBytes)
  while (bytes[at] !== quote) {
    yield
    at = endOfText(bytes, at, at + stepBytes)
  }
  return at + 1
}

/** Where the next value begins behind one that ended, or the bracket stands that closes them. */
function nextIn(bytes: Uint8Array, end: number): number {
  const at = skipSpace(bytes, end)
  return bytes[at] === comma ? skipSpace(bytes, at + 1) : at
}

/** Items as the bytes of a list, in steps. */
export function* listOf(items: readonly Uint8Array[]): Work<Uint8Array> {
  const list = new Uint8Array(Math.max(2, sizeOf(items)))
  list[0] = openBracket
  let at = 1
  for (const item of items) {
    if (at > 1) list[at++] = comma
    for (let from = 0; from < item.length; from += copyBytes) {
      list.set(item.subarray(from, from + copyBytes), at + from)
      yield
    }
    at += item.length
  }
  list[at] = closeBracket
  return list
}

/** Each item has a comma or a bracket before it; the last a bracket behind it. */
const sizeOf = (items: readonly Uint8Array[]): number =>
  items.reduce((bytes, item) => bytes + item.length + 1, 1)

/** What a request refers to takes more than a request may. */
export const tooLarge = (maxBytes: number): Failure =>
  new Failure('too_large', {
    message: `With all that it goes on from and refers to, the request is larger than ${maxBytes} bytes.`,
    param: 'input',
  })

export const noItems: Uint8Array = encoder.encode('[]')

/** Lists, as bytes, in one, in steps; nothing in them is read. */
export const joinLists = (...lists: readonly Uint8Array[]): Work<Uint8Array> =>
  listOf(lists.map(inner).filter((bytes) => bytes.length > 0))

/** What stands between the brackets. */
function inner(list: Uint8Array): Uint8Array {
  let from = 1
  let to = list.length - 1
  while (from < to && isSpace(list[from])) from++
  while (from < to && isSpace(list[to - 1])) to--
  return list.subarray(from, to)
}

/** An item as it is shown to clients: with an id, a status, and its text as a list of parts. */
export function shownItem(item: Item, id: string): Item {
  const { type = 'message', role, content } = item
  const part = role === 'assistant' ? 'output_text' : 'input_text'
  const empty = part === 'output_text' ? { annotations: [], logprobs: [] } : {}
  return {
    ...item,
    id: item['id'] ?? id,
    type,
    status: item['status'] ?? 'completed',
    ...(typeof content === 'string' && { content: [{ type: part, text: content, ...empty }] }),
  }
}
