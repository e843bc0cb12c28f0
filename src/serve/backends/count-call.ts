import type { ModelEvent } from '../../core/event.ts'
import { JsonText } from '../../core/json.ts'
import type { Dialect } from '../../core/operation.ts'
import type { CompletionPrompt, ModelRequest } from '../../core/request.ts'
import type { Work } from '../../core/turns.ts'
import { reported, type Count } from '../../core/usage.ts'
import { callIds, withTakenIds } from './call-ids.ts'
import { Draft } from './draft.ts'
import { refuseAddresses } from './media.ts'
import { openAiDraft } from './openai-body.ts'
import { headersFor, type Asked, type Server } from './openai-server.ts'
import { isCount } from './openai-usage.ts'
import { unsupported } from './quirks.ts'
import { invalid, wholeOnly, type Reading } from './reading.ts'
import { responsesDraft } from './responses-body.ts'
import { joined } from './responses-call.ts'
import { failureInBody } from './upstream-failure.ts'

/** Where a server counts tokens; paths begin with `/v1` where they stand under the interface. */
export interface Counting {
  /** A chat with its template: told as a chat or in the words of Responses. */
  readonly chat?: { readonly path: string; readonly as: 'chat' | 'responses' }
  /** A text's tokens, and the field that takes the text. */
  readonly tokenize?: { readonly path: string; readonly field: string }
  /** The text of tokens. */
  readonly detokenize?: { readonly path: string }
}

/** How many tokens a chat has; or a text's tokens, or the text of tokens. */
export function* countCall(request: ModelRequest, server: Server): Work<Asked> {
  const prompt = yield* request.prompt()
  if (prompt.kind === 'chat') return yield* countChat(request, server)
  if (prompt.kind !== 'complete') throw unsupported('model', `This backend counts no ${prompt.kind}.`)
  return yield* (request.dialect === 'detokenize' ? detokenize : tokenize)(prompt, server)
}

function* countChat(request: ModelRequest, server: Server): Work<Asked> {
  const way = server.preset.counting?.chat
  if (way === undefined) throw unsupported('model', 'This backend cannot count the tokens of a chat.')
  const prompt = yield* request.prompt()
  if (prompt.kind !== 'chat') throw unsupported('model', 'Only a chat can be counted here.')
  const isSame =
    request.dialect === 'openai-count' && request.body.has(way.as === 'chat' ? 'messages' : 'input')
  const draft = isSame
    ? new Draft(yield* withTakenIds(request.body, callIds[way.as]))
    : way.as === 'chat'
      ? yield* openAiDraft(prompt, server)
      : yield* responsesDraft(prompt, request.dialect)
  if (!server.mayFetch) yield* refuseAddresses(draft.body, way.as === 'chat' ? 'messages' : 'input')
  const { system } = server.target.behaviour
  const fields: Record<string, unknown> = { model: server.target.model }
  for (const field of countedFields[way.as]) fields[field] = draft.get(field)
  if (system !== undefined && way.as === 'chat') {
    fields['messages'] = [{ role: 'system', content: system }, ...(fields['messages'] as unknown[])]
  } else if (system !== undefined) fields['instructions'] = joined(system, fields['instructions'])
  return yield* asked(server, way.path, fields, 'openai-count', draft.warnings)
}

/** What takes part in a prompt; the rest of a call is of no matter here, and vendors refuse it. */
const countedFields = {
  chat: ['messages', 'tools', 'tool_choice', 'reasoning_effort', 'chat_template_kwargs'],
  responses: ['input', 'instructions', 'tools', 'tool_choice', 'parallel_tool_calls', 'reasoning', 'text'],
} as const

function* tokenize({ prompts }: CompletionPrompt, server: Server): Work<Asked> {
  const way = server.preset.counting?.tokenize
  const [text] = prompts
  if (way === undefined || typeof text !== 'string') {
    throw unsupported('model', 'This backend does not tell a text’s tokens.')
  }
  return yield* asked(server, way.path, { model: server.target.model, [way.field]: text }, 'tokenize')
}

function* detokenize({ prompts }: CompletionPrompt, server: Server): Work<Asked> {
  const way = server.preset.counting?.detokenize
  const [tokens] = prompts
  if (way === undefined || typeof tokens !== 'object') {
    throw unsupported('model', 'This backend does not tell the text of tokens.')
  }
  const call = yield* asked(server, way.path, { model: server.target.model, tokens }, 'detokenize')
  return { ...call, reading: () => counted(countReading, tokens.length) }
}

function* asked(
  { preset, under }: Server,
  path: string,
  fields: Readonly<Record<string, unknown>>,
  dialect: Dialect,
  warnings: readonly string[] = [],
): Work<Asked> {
  const draft = new Draft(yield* JsonText.printed(fields))
  return {
    path: path.startsWith('/v1/') ? under(path.slice(3)) : path,
    headers: headersFor(preset, false),
    body: draft.body.bytes,
    stream: false,
    dialect,
    warnings,
    // Every engine says it in its own words.
    mustEncode: true,
    reading: () => countReading,
  }
}

/** Nobody tells the count of what the client counted itself; no model made the text. */
const counted = ({ message, whole }: Reading, tokens: number): Reading => ({
  message,
  whole: (body) => {
    const input: Count = { tokens, source: 'counted' }
    const events = whole(body).filter(({ type }) => type !== 'end')
    return [
      ...events,
      { type: 'usage', usage: { input, output: { ...input, tokens: 0 } } },
      { type: 'finish', reason: 'stop' },
      { type: 'end' },
    ]
  },
})

interface RawCount {
  readonly error?: unknown
  /** llama-server, OpenAI. */
  readonly input_tokens?: number
  /** vLLM, SGLang. */
  readonly count?: number
  readonly tokens?: readonly (number | { readonly id: number })[]
  /** TGI, of a chat. */
  readonly tokenize_response?: readonly { readonly id: number }[]
  /** A text: llama-server and LocalAI, vLLM, SGLang. */
  readonly content?: string
  readonly prompt?: string
  readonly text?: string
}

const countReading = wholeOnly((answer, text) => {
  const raw = (Array.isArray(answer) ? { tokens: answer as { id: number }[] } : answer) as RawCount
  if (raw.error) return [failureInBody(text, raw.error)]
  return [{ type: 'start' }, ...told(raw)]
})

function told(raw: RawCount): ModelEvent[] {
  const said = raw.content ?? raw.prompt ?? raw.text
  if (typeof said === 'string') return [{ type: 'text', text: said }]
  const tokens = (raw.tokens ?? raw.tokenize_response)?.map((each) =>
    typeof each === 'number' ? each : each.id,
  )
  const count = raw.input_tokens ?? raw.count ?? tokens?.length
  if (!isCount(count)) throw invalid('has no count')
  const usage: ModelEvent = { type: 'usage', usage: { input: reported(count) } }
  return tokens === undefined ? [usage] : [{ type: 'tokens', tokens }, usage]
}
