import { createHash } from 'node:crypto'

import { JsonText } from '../../core/json.ts'
import type { Work } from '../../core/turns.ts'
import { callMark, openCallId } from './gemini-seal.ts'

/** The ids of calls that an interface takes. */
export const callIds = {
  chat: /^[^]{0,40}$/,
  responses: /^[^]{0,64}$/,
  anthropic: /^[\w-]{1,64}$/,
} as const

/** An id that was made elsewhere, as this interface takes it: the same in a call and in its result. */
export const takenId = (id: string, takes: RegExp): string =>
  takes.test(id) ? id : `call_${createHash('sha256').update(id).digest('base64url').slice(0, 32)}`

/** A body in the interface's own dialect, but for Gemini's ids in it: they carry what is of use to Gemini alone. */
export function* withTakenIds(body: JsonText, takes: RegExp): Work<JsonText> {
  const bytes = Buffer.from(body.bytes.buffer, body.bytes.byteOffset, body.bytes.byteLength)
  if (!bytes.includes(callMark)) return body
  const splices: { start: number; end: number; text: string }[] = []
  // A quote that stands in a text is escaped: only a whole value is found, and what it carries says that it is an id.
  for (const { 1: id = '', index } of bytes.toString('latin1').matchAll(quotedId)) {
    const taken = takenId(id, takes)
    if (taken !== id && isSealed(id)) {
      splices.push({ start: index + 1, end: index + 1 + id.length, text: taken })
    }
    yield
  }
  return splices.length === 0 ? body : yield* JsonText.scanned(yield* body.editing([], splices))
}

const quotedId = new RegExp(String.raw`(?<!\\)"(${callMark}[\w-]+)"`, 'g')

const isSealed = (id: string): boolean => Object.keys(openCallId(id)).length > 0
