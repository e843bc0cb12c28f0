import type { JsonText } from '../../core/json.ts'

/** An item of a conversation, as the dialect has it. */
export type Item = Readonly<Record<string, unknown>>

const encoder = new TextEncoder()

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

/** The ids by which they can be referred to. */
export const itemIds = (items: readonly Item[]): string[] =>
  items.flatMap(({ id }) => (typeof id === 'string' ? [id] : []))

export const noItems: Uint8Array = encoder.encode('[]')

/** Lists, as bytes, in one; nothing in them is read. */
export function joinLists(...lists: readonly Uint8Array[]): Uint8Array {
  const filled = lists.map(inner).filter((bytes) => bytes.length > 0)
  const pieces = filled.flatMap((bytes, at) => (at === 0 ? [bytes] : [comma, bytes]))
  return Buffer.concat([open, ...pieces, close])
}

const open = encoder.encode('[')
const comma = encoder.encode(',')
const close = encoder.encode(']')

/** What stands between the brackets. */
function inner(list: Uint8Array): Uint8Array {
  let from = 1
  let to = list.length - 1
  while (from < to && isSpace(list[from])) from++
  while (from < to && isSpace(list[to - 1])) to--
  return list.subarray(from, to)
}

const isSpace = (byte: number | undefined): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

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
