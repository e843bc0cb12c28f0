import type { ImagePart, Message, Part } from '../../core/request.ts'
import type { Work } from '../../core/turns.ts'
import { Fields, compact } from './fields.ts'

/** The turns of a chat body. Fields that nobody knows go into `rest`; parts that only this dialect knows stay opaque. */
export function* openAiMessages(fields: Fields, rest: Record<string, unknown>): Work<Message[]> {
  const made: Message[] = []
  for (const message of fields.required('messages', fields.objects('messages'))) {
    made.push(yield* turn(message, rest))
    yield* message.keepUnread(rest)
    yield
  }
  return made
}

function* turn(message: Fields, rest: Record<string, unknown>): Work<Message> {
  const role = message.required('role', message.text('role'))
  switch (role) {
    case 'system':
    case 'developer':
      return named('system', message, yield* contentParts(message, rest))
    case 'user':
      return named('user', message, yield* contentParts(message, rest))
    case 'assistant':
      return named('assistant', message, yield* assistantParts(message, rest))
    case 'tool': {
      const id = message.required('tool_call_id', message.text('tool_call_id'))
      return named('user', message, [{ type: 'tool-result', id, parts: yield* contentParts(message, rest) }])
    }
    // Before tools there were functions: a call had no id but its name.
    case 'function': {
      const id = message.required('name', message.text('name'))
      return { role: 'user', parts: [{ type: 'tool-result', id, parts: yield* contentParts(message, rest) }] }
    }
    default:
      throw message.wrong('role', 'must be system, developer, user, assistant or tool')
  }
}

const named = (role: Message['role'], message: Fields, parts: readonly Part[]): Message =>
  compact<Message>({ role, parts, name: message.text('name') })

function* assistantParts(message: Fields, rest: Record<string, unknown>): Work<Part[]> {
  const parts: Part[] = []
  const plain = message.get('reasoning')
  if (plain !== undefined && typeof plain !== 'string') rest['messages[].reasoning'] = plain
  const reasoning = message.text('reasoning_content') ?? (typeof plain === 'string' ? plain : undefined)
  if (reasoning !== undefined && reasoning !== '') parts.push({ type: 'reasoning', text: reasoning })
  for (const part of yield* contentParts(message, rest)) parts.push(part)
  const refusal = message.text('refusal')
  if (refusal !== undefined) parts.push({ type: 'text', text: refusal })
  const audio = message.get('audio')
  if (audio !== undefined) parts.push(opaque({ audio }))
  for (const call of message.objects('tool_calls') ?? []) {
    parts.push(toolCall(call))
    yield* call.keepUnread(rest)
    yield
  }
  const legacy = message.object('function_call')
  if (legacy !== undefined) {
    const name = legacy.required('name', legacy.text('name'))
    parts.push({ type: 'tool-call', id: name, name, input: legacy.text('arguments') ?? '' })
  }
  return parts
}

function toolCall(call: Fields): Part {
  const type = call.text('type') ?? 'function'
  const id = call.required('id', call.text('id'))
  call.get('index')
  if (type !== 'function') return opaque({ id, type, [type]: call.get(type) })
  const about = call.required('function', call.object('function'))
  const name = about.required('name', about.text('name'))
  return { type: 'tool-call', id, name, input: about.text('arguments') ?? '' }
}

function* contentParts(message: Fields, rest: Record<string, unknown>): Work<Part[]> {
  const content = message.get('content')
  if (content === undefined || content === '') return []
  if (typeof content === 'string') return [{ type: 'text', text: content }]
  if (!Array.isArray(content)) throw message.wrong('content', 'must be a string or a list of parts')
  const made: Part[] = []
  for (const [at, value] of (content as unknown[]).entries()) {
    yield
    if (typeof value === 'string') {
      made.push({ type: 'text', text: value })
      continue
    }
    const part = Fields.of(value, message.path(`content[${at}]`))
    const known = contentPart(part, value)
    made.push(known)
    if (known.type !== 'opaque') yield* part.keepUnread(rest)
  }
  return made
}

function contentPart(part: Fields, value: unknown): Part {
  const type = part.required('type', part.text('type'))
  switch (type) {
    case 'text':
      return { type: 'text', text: part.required('text', part.text('text')) }
    case 'refusal':
      return { type: 'text', text: part.required('refusal', part.text('refusal')) }
    case 'image_url':
      return image(part)
    default:
      return opaque(value)
  }
}

const dataUrl = /^data:([^;,]+)(?:;[^;,]+)*;base64,/i

/** Some clients send the address without an object around it. */
function image(part: Fields): ImagePart {
  const plain = part.get('image_url')
  const about = typeof plain === 'string' ? undefined : part.required('image_url', part.object('image_url'))
  const url = typeof plain === 'string' ? plain : about?.required('url', about.text('url'))
  if (url === undefined) throw part.wrong('image_url', 'is missing')
  return imageFrom(url, about?.text('detail'))
}

/** A data URL becomes its data; an address stays one. */
export function imageFrom(url: string, detail: string | undefined): ImagePart {
  const [head, mediaType] = dataUrl.exec(url) ?? []
  return compact<ImagePart>({
    type: 'image',
    source:
      head === undefined || mediaType === undefined ? { url } : { mediaType, data: url.slice(head.length) },
    detail,
  })
}

const opaque = (value: unknown): Part => ({ type: 'opaque', dialect: 'openai-chat', value })
