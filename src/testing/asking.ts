import type { Backend, Behaviour, Outgoing, Target } from '../core/backend.ts'
import { JsonText } from '../core/json.ts'
import type { Dialect, Operation } from '../core/operation.ts'
import type { ChatPrompt, ModelRequest, Prompt } from '../core/request.ts'

const operationOf: Record<Dialect, Operation> = {
  'openai-chat': 'chat',
  'openai-completions': 'complete',
  'openai-embeddings': 'embed',
  'openai-responses': 'chat',
  'openai-count': 'count',
  'anthropic-messages': 'chat',
  'anthropic-count': 'count',
  'ollama-chat': 'chat',
  'ollama-generate': 'complete',
  'ollama-embed': 'embed',
  'ollama-embeddings': 'embed',
  gemini: 'chat',
  rerank: 'rerank',
  infill: 'complete',
  tokenize: 'count',
  detokenize: 'count',
}

/** A call in this dialect with these bytes; `prompt` is for adapters that translate. */
export function requestOf(
  dialect: Dialect,
  body: string | Readonly<Record<string, unknown>>,
  prompt?: Prompt,
): ModelRequest {
  const text = JsonText.parse(
    new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body)),
  )
  const limit = text.get('max_completion_tokens') ?? text.get('max_tokens')
  const options = text.get('stream_options') as { include_usage?: unknown } | undefined
  return {
    operation: operationOf[dialect],
    dialect,
    model: String(text.get('model')),
    stream: text.get('stream') === true,
    wantsUsage: options?.include_usage === true,
    maxOutputTokens: typeof limit === 'number' ? limit : undefined,
    body: text,
    headers: {},
    // oxlint-disable-next-line require-yield -- there is nothing to lay down
    *prompt() {
      if (prompt === undefined) throw new Error('A request of the same dialect is not translated.')
      return prompt
    },
  }
}

/** A chat call of a client that speaks another dialect. */
export const chatOf = (
  dialect: Dialect,
  prompt: Omit<ChatPrompt, 'kind' | 'rest'> & Partial<ChatPrompt>,
): ModelRequest => requestOf(dialect, { model: 'alias' }, { kind: 'chat', rest: {}, ...prompt })

export const targetOf = (model: string, behaviour: Behaviour = {}): Target => ({
  row: 'row',
  backend: 'backend',
  model,
  behaviour,
})

/** What a small request becomes: at once. */
export function outgoingOf(backend: Backend, request: ModelRequest, target: Target): Outgoing {
  const made = backend.outgoing(request, target)
  if (made instanceof Promise) throw new Error('Only a large request takes turns.')
  return made
}

export const textOf = (outgoing: Outgoing): string => new TextDecoder().decode(outgoing.body)

export const jsonOf = (outgoing: Outgoing): Record<string, unknown> =>
  JSON.parse(textOf(outgoing)) as Record<string, unknown>
