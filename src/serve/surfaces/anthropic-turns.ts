import type { Message, Part } from '../../core/request.ts'
import type { Work } from '../../core/turns.ts'
import { anthropicParts } from './anthropic-parts.ts'
import type { Fields } from './fields.ts'

interface Turn extends Message {
  readonly parts: Part[]
}

/** The system text and the turns of a Messages body; neighbours of one role are one turn, as they are there. */
export function* anthropicTurns(fields: Fields, rest: Record<string, unknown>): Work<Message[]> {
  const turns: Turn[] = []
  const add = (role: Message['role'], parts: readonly Part[]): void => {
    const last = turns.at(-1)
    if (last?.role === role) for (const part of parts) last.parts.push(part)
    else turns.push({ role, parts: [...parts] })
  }
  const system = textOf(yield* anthropicParts(fields, 'system', rest), fields, 'system')
  if (system !== '') add('system', [{ type: 'text', text: system }])
  for (const message of fields.required('messages', fields.objects('messages'))) {
    const role = message.required('role', message.text('role'))
    const parts = yield* anthropicParts(message, 'content', rest)
    if (role === 'user' || role === 'assistant') add(role, parts)
    else if (role === 'system') add('user', [reminder(textOf(parts, message, 'content'))])
    else throw message.wrong('role', 'must be user, assistant or system')
    yield* message.keepUnread(rest)
    yield
  }
  return turns
}

/**
 * System text in the middle of a chat. Many chat templates take it only at the front; moved there, it would make the
 * engine read the whole chat anew. So it stays in its place, in the user’s turn, in the tag that Claude’s tools use.
 */
const reminder = (text: string): Part => ({
  type: 'text',
  text: `\n<system-reminder>\n${text}\n</system-reminder>\n`,
})

/** Blocks of system text are paragraphs. */
function textOf(parts: readonly Part[], source: Fields, key: string): string {
  return parts
    .map((part) => {
      if (part.type !== 'text') throw source.wrong(key, 'must be text')
      return part.text
    })
    .join('\n\n')
}
