import type { Message, Part } from '../../core/request.ts'
import type { Work } from '../../core/turns.ts'
import { compact, type Fields } from './fields.ts'
import { ollamaImages } from './ollama-options.ts'

/** A call whose result has not come yet. */
interface OpenCall {
  readonly id: string
  readonly name: string
}

/**
 * The turns of a chat body. Calls and results need not carry ids here: a call without one gets one, and a result goes
 * to the call it names, else to the first that has none yet.
 */
export function* ollamaMessages(fields: Fields, rest: Record<string, unknown>): Work<Message[]> {
  const made: Message[] = []
  const open: OpenCall[] = []
  let calls = 0
  for (const message of fields.objects('messages') ?? []) {
    const role = message.required('role', message.text('role')).toLowerCase()
    const said = yield* contentOf(message)
    if (role === 'tool') {
      made.push({ role: 'user', parts: [{ type: 'tool-result', id: answered(message, open), parts: said }] })
    } else if (role === 'assistant') {
      const parts: Part[] = []
      const thinking = message.text('thinking')
      if (thinking !== undefined && thinking !== '') parts.push({ type: 'reasoning', text: thinking })
      for (const part of said) parts.push(part)
      for (const call of message.objects('tool_calls') ?? []) {
        const part = toolCall(call, calls++)
        open.push(part)
        parts.push(part)
        yield* call.keepUnread(rest)
        yield
      }
      made.push({ role, parts })
    } else if (role === 'system' || role === 'developer' || role === 'user') {
      made.push({ role: role === 'user' ? role : 'system', parts: said })
    } else throw message.wrong('role', 'must be system, user, assistant or tool')
    yield* message.keepUnread(rest)
    yield
  }
  return made
}

/** Images stand before the text, as Ollama shows them to the model. */
export function* contentOf(message: Fields, key = 'content'): Work<Part[]> {
  const parts: Part[] = yield* ollamaImages(message)
  const text = message.text(key)
  if (text !== undefined && text !== '') parts.push({ type: 'text', text })
  return parts
}

function toolCall(call: Fields, number: number): Extract<Part, { type: 'tool-call' }> {
  const about = call.required('function', call.object('function'))
  call.get('type')
  about.get('index')
  const input = about.get('arguments') ?? {}
  return {
    type: 'tool-call',
    id: call.text('id') ?? `call_${number}`,
    name: about.required('name', about.text('name')),
    input: typeof input === 'string' ? input : JSON.stringify(input),
  }
}

/** The id of the call that a result answers. */
function answered(message: Fields, open: OpenCall[]): string {
  const id = message.text('tool_call_id')
  const name = message.text('tool_name') ?? message.text('name')
  const at = open.findIndex((call) =>
    id === undefined ? name === undefined || call.name === name : call.id === id,
  )
  const [call] = at === -1 ? [] : open.splice(at, 1)
  return id ?? call?.id ?? name ?? 'call'
}

/** A conversation of one question, for `generate`. */
export const oneTurn = (system: string | undefined, parts: readonly Part[]): Message[] => [
  ...(system === undefined || system === ''
    ? []
    : [{ role: 'system' as const, parts: [{ type: 'text' as const, text: system }] }]),
  compact<Message>({ role: 'user', parts, name: undefined }),
]
