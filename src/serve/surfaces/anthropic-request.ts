import type { JsonText } from '../../core/json.ts'
import type { ChatPrompt, ModelRequest } from '../../core/request.ts'
import { anthropicPrompt } from './anthropic-prompt.ts'
import { Fields } from './fields.ts'
import { modelName, requireMessages } from './openai-request.ts'

/** A Messages body, to be answered or to be counted. Throws `Failure('bad_request')`. */
export function anthropicRequest(
  operation: 'chat' | 'count',
  body: JsonText,
  header: (name: string) => string | undefined,
): ModelRequest {
  const fields = new Fields(body)
  requireMessages(body, fields)
  const isChat = operation === 'chat'
  const stream = isChat && (fields.boolean('stream') ?? false)
  let decoded: ChatPrompt | undefined
  return {
    operation,
    dialect: isChat ? 'anthropic-messages' : 'anthropic-count',
    model: modelName(fields),
    stream,
    // Every stream of this dialect tells it.
    wantsUsage: stream,
    maxOutputTokens: isChat ? fields.integer('max_tokens', 0) : undefined,
    body,
    headers: travelling(header),
    *prompt() {
      return (decoded ??= yield* anthropicPrompt(body))
    },
  }
}

/** What Anthropic reads beside the body: a beta’s fields are refused where its header is missing. */
const travellers = [
  'anthropic-version',
  'anthropic-beta',
  'anthropic-user-profile-id',
  'anthropic-workspace-id',
] as const

function travelling(header: (name: string) => string | undefined): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const name of travellers) {
    const value = header(name)
    if (value !== undefined) headers[name] = value
  }
  return headers
}
