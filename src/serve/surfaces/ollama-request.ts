import type { JsonText } from '../../core/json.ts'
import type { Dialect, Operation } from '../../core/operation.ts'
import type { ModelRequest, Prompt } from '../../core/request.ts'
import type { Work } from '../../core/turns.ts'
import { Fields } from './fields.ts'
import { modelName } from './openai-request.ts'

interface Parts {
  readonly operation: Operation
  readonly dialect: Dialect
  readonly body: JsonText
  readonly prompt: (fields: Fields, rest: Record<string, unknown>) => Work<Prompt>
}

/** The facts that Ollama's dialects say in the same words: a stream unless the client says no. Throws `Failure('bad_request')`. */
export function ollamaRequest({ operation, dialect, body, prompt }: Parts): ModelRequest {
  const fields = new Fields(body)
  let decoded: Prompt | undefined
  return {
    operation,
    dialect,
    model: modelName(fields),
    stream: operation !== 'embed' && (fields.boolean('stream') ?? true),
    // The last line of every answer says it.
    wantsUsage: true,
    maxOutputTokens: outputLimit(fields.object('options')),
    body,
    headers: {},
    *prompt() {
      return (decoded ??= yield* decode(body, prompt))
    },
  }
}

/** Reads the body with whoever knows it; what nobody reads is kept in `rest`. */
function* decode(body: JsonText, read: Parts['prompt']): Work<Prompt> {
  yield* body.decoding()
  const fields = new Fields(body)
  for (const key of ['model', 'stream']) fields.get(key)
  const rest: Record<string, unknown> = {}
  // Nothing is ever cut to fit here, so a client that forbids it has its wish.
  for (const key of ['truncate', 'shift']) if (fields.boolean(key) === true) rest[key] = true
  const prompt = yield* read(fields, rest)
  yield* fields.keepUnread(rest)
  return prompt
}

/** Tokens of the answer; Ollama's negative numbers and zero stand for "no limit". */
export function outputLimit(options: Fields | undefined): number | undefined {
  const most = options?.number('num_predict')
  return most !== undefined && most >= 1 ? Math.trunc(most) : undefined
}
