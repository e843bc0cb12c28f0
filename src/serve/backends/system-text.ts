import { closeBracket, openBrace, openBracket, quote, skipSpace } from '../../core/json-bytes.ts'
import { decodeJson } from '../../core/json-decode.ts'
import { startsOf } from '../../core/json-walk.ts'
import type { JsonText, Splice } from '../../core/json.ts'
import type { Work } from '../../core/turns.ts'

/**
 * Puts text before the system text of `messages` without printing the messages again: into the first message if that
 * is a system message (many templates take only one, and only at the front), else as a message of its own.
 */
export function* systemSplice(body: JsonText, text: string): Work<Splice | undefined> {
  yield* body.locating()
  const { bytes } = body
  const span = body.span('messages')
  if (span === undefined || bytes[span.start] !== openBracket) return undefined
  const first = skipSpace(bytes, span.start + 1)
  if (bytes[first] !== openBrace) return insert(first, systemMessage(text))
  const starts = startsOf(bytes, first, ['role', 'content'])
  const role = starts.get('role')
  const content = starts.get('content')
  const saysSystem = role !== undefined && systemRoles.has(yield* decodeJson(bytes, role))
  return (
    (saysSystem && content !== undefined ? beforeText(bytes, content, text) : undefined) ??
    insert(first, `${systemMessage(text)},`)
  )
}

const systemRoles: ReadonlySet<unknown> = new Set(['system', 'developer'])

/** Puts text before a value that is a string or a list of parts; undefined for anything else. */
export function beforeText(bytes: Uint8Array, start: number, text: string): Splice | undefined {
  if (bytes[start] === quote) return insert(start + 1, JSON.stringify(`${text}\n\n`).slice(1, -1))
  if (bytes[start] !== openBracket) return undefined
  const part = JSON.stringify({ type: 'text', text })
  return insert(start + 1, bytes[skipSpace(bytes, start + 1)] === closeBracket ? part : `${part},`)
}

const insert = (at: number, text: string): Splice => ({ start: at, end: at, text })

const systemMessage = (content: string): string => JSON.stringify({ role: 'system', content })
