import type { JsonText } from '../../core/json.ts'
import type { Dialect, Operation } from '../../core/operation.ts'
import type { ModelRequest, Prompt } from '../../core/request.ts'
import type { Work } from '../../core/turns.ts'
import type { Fields } from './fields.ts'

interface Parts {
  readonly operation: Operation
  readonly dialect: Dialect
  readonly body: JsonText
  readonly fields: Fields
  readonly maxOutputTokens: number | undefined
  readonly prompt: () => Work<Prompt>
}

/** The facts that the streaming OpenAI dialects say in the same words. Throws `Failure('bad_request')`. */
export function openAiRequest({
  operation,
  dialect,
  body,
  fields,
  maxOutputTokens,
  prompt,
}: Parts): ModelRequest {
  const stream = fields.boolean('stream') ?? false
  const wantsUsage = fields.object('stream_options')?.boolean('include_usage') ?? false
  let decoded: Prompt | undefined
  return {
    operation,
    dialect,
    model: modelName(fields),
    stream,
    wantsUsage: stream && wantsUsage,
    maxOutputTokens,
    body,
    headers: {},
    *prompt() {
      return (decoded ??= yield* prompt())
    },
  }
}

/** The longest name that is taken: it goes into headers and the ledger. */
const longestName = 512

/** What the client calls the model: one to 512 characters. */
export function modelName(fields: Fields): string {
  const model = fields.required('model', fields.text('model'))
  if (model.trim() === '') throw fields.wrong('model', 'is empty')
  // It goes into paths and headers.
  if (!model.isWellFormed()) throw fields.wrong('model', 'holds half a character')
  if (model.length > longestName) throw fields.wrong('model', `is longer than ${longestName} characters`)
  return model
}

/** Checks that there are messages: of none at all a model makes something up. */
export function requireMessages(body: JsonText, fields: Fields): void {
  requireList(body, fields, 'messages')
  if (body.isEmptyList('messages')) throw fields.wrong('messages', 'must not be empty')
}

/** Checks that a list (or one of `others`) stands at a key; in a large body what is in it stays undecoded. */
export function requireList(
  body: JsonText,
  fields: Fields,
  key: string,
  others: 'or text' | 'only' = 'only',
): void {
  const type = body.typeOf(key)
  if (type === undefined || type === 'null') throw fields.wrong(key, 'is missing')
  if (type === 'list' || (others === 'or text' && type === 'text')) return
  throw fields.wrong(key, others === 'only' ? 'must be a list' : 'must be a string or a list')
}
