import type { ImagePart, Part } from '../../core/request.ts'
import type { Work } from '../../core/turns.ts'
import { Fields, compact } from './fields.ts'

type Rest = Record<string, unknown>

/** The blocks at a key, which may also be a string. What only Anthropic can read stays opaque. */
export function* anthropicParts(source: Fields, key: string, rest: Rest): Work<Part[]> {
  const content = source.get(key)
  if (content === undefined || content === '') return []
  if (typeof content === 'string') return [{ type: 'text', text: content }]
  if (!Array.isArray(content)) throw source.wrong(key, 'must be a string or a list of blocks')
  const made: Part[] = []
  for (const [at, value] of (content as unknown[]).entries()) {
    yield
    const block = Fields.of(value, source.path(`${key}[${at}]`))
    const parts = yield* partsOf(block, rest)
    if (parts === undefined) {
      made.push({ type: 'opaque', dialect: 'anthropic-messages', value })
      continue
    }
    for (const part of parts) made.push(part)
    for (const hint of ['cache_control', 'caller']) block.get(hint)
    yield* block.keepUnread(rest)
  }
  return made
}

/** Undefined for what there is no word for. */
function* partsOf(block: Fields, rest: Rest): Work<readonly Part[] | undefined> {
  const type = block.required('type', block.text('type'))
  switch (type) {
    case 'text':
      return [text(block.required('text', block.text('text')))]
    case 'image':
      return imageOf(block)
    case 'thinking': {
      const thought = block.required('thinking', block.text('thinking'))
      // Ours has none.
      const signature = block.text('signature') || undefined
      return [compact<Part & { type: 'reasoning' }>({ type: 'reasoning', text: thought, signature })]
    }
    case 'redacted_thinking':
      rest['messages[].content[].redacted_thinking'] = block.get('data')
      return []
    case 'tool_use': {
      const id = block.required('id', block.text('id'))
      const name = block.required('name', block.text('name'))
      return [{ type: 'tool-call', id, name, input: JSON.stringify(block.get('input') ?? {}) }]
    }
    case 'tool_result': {
      const id = block.required('tool_use_id', block.text('tool_use_id'))
      const parts = yield* anthropicParts(block, 'content', rest)
      const isError = block.boolean('is_error')
      return [compact<Part & { type: 'tool-result' }>({ type: 'tool-result', id, parts, isError })]
    }
    case 'tool_reference':
      return [text(block.required('tool_name', block.text('tool_name')))]
    case 'document':
      return yield* documentOf(block, rest)
    case 'search_result': {
      const found = yield* anthropicParts(block, 'content', rest)
      return [text(headOf(block, 'title', 'source')), ...found]
    }
    default:
      return undefined
  }
}

const text = (said: string): Part => ({ type: 'text', text: said })

function imageOf(block: Fields): readonly ImagePart[] | undefined {
  const source = block.required('source', block.object('source'))
  switch (source.text('type')) {
    case 'base64': {
      const mediaType = source.required('media_type', source.text('media_type'))
      const data = source.required('data', source.text('data'))
      return [{ type: 'image', source: { mediaType, data } }]
    }
    case 'url':
      return [{ type: 'image', source: { url: source.required('url', source.text('url')) } }]
    default:
      return undefined
  }
}

/** A document that is text is read as text; a PDF or a file needs somebody who can open it. */
function* documentOf(block: Fields, rest: Rest): Work<readonly Part[] | undefined> {
  const source = block.required('source', block.object('source'))
  const type = source.text('type')
  if (type !== 'text' && type !== 'content') return undefined
  const about = headOf(block, 'title', 'context')
  const parts =
    type === 'content'
      ? yield* anthropicParts(source, 'content', rest)
      : [text(source.required('data', source.text('data')))]
  return [...(about === '' ? [] : [text(about)]), ...parts, text('\n\n')]
}

/** What is said about a text before it, a line each. */
const headOf = (block: Fields, ...keys: readonly string[]): string =>
  keys
    .map((key) => block.text(key))
    .filter((line) => line !== undefined)
    .map((line) => `${line}\n`)
    .join('')
