import type { Message, Part } from '../../core/request.ts'
import type { Work } from '../../core/turns.ts'
import { Fields } from './fields.ts'
import { imageFrom } from './openai-messages.ts'
import { unseal } from './openai-responses-sealed.ts'
import { customArguments, flatName } from './openai-responses-tools.ts'

/** Instructions and input of a body as turns. Fields that nobody knows go into `rest`; parts that only this dialect knows stay opaque. */
export function* responsesMessages(fields: Fields, rest: Record<string, unknown>): Work<Message[]> {
  const turns: Turn[] = []
  const instructions = fields.text('instructions')
  if (instructions !== undefined && instructions !== '')
    turns.push({ role: 'system', parts: [{ type: 'text', text: instructions }] })
  const input = fields.required('input', fields.get('input'))
  if (typeof input === 'string') return [...turns, { role: 'user', parts: [{ type: 'text', text: input }] }]
  for (const [at, value] of (fields.list('input') ?? []).entries()) {
    const item = Fields.of(value, `${fields.path('input')}[${at}]`)
    const turn = yield* turnOf(item, value, rest)
    if (turn !== undefined) add(turn, turns)
    yield
  }
  return turns
}

interface Turn {
  readonly role: Message['role']
  readonly parts: Part[]
}

/** Thoughts, text and calls of one answer are one turn, as are the results of its calls; a text behind a text is another answer. */
function add({ role, parts }: Turn, turns: Turn[]): void {
  const last = turns.at(-1)
  const before = last?.parts.at(-1)?.type
  const next = parts[0]?.type
  if (role === 'assistant' && next === undefined) return
  const isOne =
    role === 'assistant' ? before !== 'text' || next !== 'text' : before === 'tool-result' && next === before
  if (last?.role === role && isOne) last.parts.push(...parts)
  else turns.push({ role, parts })
}

/** Undefined for what has nothing to say here. */
function* turnOf(item: Fields, value: unknown, rest: Record<string, unknown>): Work<Turn | undefined> {
  const role = item.text('role')
  const type = item.text('type') ?? (role === undefined ? 'item_reference' : 'message')
  for (const key of ['id', 'status', 'phase']) item.get(key)
  switch (type) {
    case 'message': {
      const turn = { role: roleOf(item, role), parts: yield* partsOf(item, 'content', rest) }
      yield* item.keepUnread(rest)
      return turn
    }
    case 'function_call':
    case 'custom_tool_call':
      return { role: 'assistant', parts: [yield* callOf(item, type === 'custom_tool_call', rest)] }
    case 'function_call_output':
    case 'custom_tool_call_output': {
      const id = item.required('call_id', item.text('call_id'))
      const parts = yield* partsOf(item, 'output', rest)
      // The call has said them.
      for (const key of ['name', 'namespace']) item.get(key)
      yield* item.keepUnread(rest)
      return { role: 'user', parts: [{ type: 'tool-result', id, parts }] }
    }
    case 'reasoning':
      return { role: 'assistant', parts: yield* thoughtsOf(item, rest) }
    case 'item_reference':
      throw item.wrong('id', 'names an item that is not kept here: send the item itself')
    default:
      if (!hosted.test(type)) return { role: 'assistant', parts: [opaque(value)] }
      rest[`input[].${type}`] = true
      return undefined
  }
}

/** Calls of tools that the origin runs, and what came of them. */
const hosted = /_call(_output)?$|^mcp_|^tool_search_/

function roleOf(item: Fields, role: string | undefined): Message['role'] {
  switch (role) {
    case 'system':
    case 'developer':
      return 'system'
    case 'user':
    case 'assistant':
      return role
    default:
      throw item.wrong('role', 'must be system, developer, user or assistant')
  }
}

function* callOf(item: Fields, isCustom: boolean, rest: Record<string, unknown>): Work<Part> {
  const id = item.required('call_id', item.text('call_id'))
  const name = flatName(item.required('name', item.text('name')), item.text('namespace'))
  const input = isCustom ? customArguments(item.text('input') ?? '') : (item.text('arguments') ?? '')
  yield* item.keepUnread(rest)
  return { type: 'tool-call', id, name, input }
}

/** What came sealed goes back whole; else the text, which `summary` has where `content` has none. */
function* thoughtsOf(item: Fields, rest: Record<string, unknown>): Work<Part[]> {
  const sealed = item.text('encrypted_content')
  const known = sealed === undefined ? undefined : unseal(sealed)
  if (known !== undefined) return [known]
  if (sealed !== undefined) rest['input[].encrypted_content'] = true
  const content = yield* partsOf(item, 'content', rest)
  const parts = content.length > 0 ? content : yield* partsOf(item, 'summary', rest)
  const text = parts.map((part) => (part.type === 'text' ? part.text : '')).join('\n\n')
  return text === '' ? [] : [{ type: 'reasoning', text }]
}

/** A text, or a list of parts. */
function* partsOf(item: Fields, key: string, rest: Record<string, unknown>): Work<Part[]> {
  const content = item.get(key)
  if (content === undefined || content === '') return []
  if (typeof content === 'string') return [{ type: 'text', text: content }]
  if (!Array.isArray(content)) throw item.wrong(key, 'must be a string or a list of parts')
  const made: Part[] = []
  for (const [at, value] of (content as unknown[]).entries()) {
    yield
    const part = Fields.of(value, item.path(`${key}[${at}]`))
    const known = partOf(part, value)
    made.push(known)
    if (known.type !== 'opaque') yield* part.keepUnread(rest)
  }
  return made
}

function partOf(part: Fields, value: unknown): Part {
  const type = part.required('type', part.text('type'))
  switch (type) {
    case 'input_text':
    case 'output_text':
    case 'summary_text':
    case 'reasoning_text':
    case 'text':
      for (const key of ['annotations', 'logprobs']) part.get(key)
      return { type: 'text', text: part.required('text', part.text('text')) }
    case 'refusal':
      return { type: 'text', text: part.required('refusal', part.text('refusal')) }
    case 'input_image': {
      const url = part.text('image_url')
      return url === undefined ? opaque(value) : imageFrom(url, part.text('detail'))
    }
    default:
      return opaque(value)
  }
}

const opaque = (value: unknown): Part => ({ type: 'opaque', dialect: 'openai-responses', value })
