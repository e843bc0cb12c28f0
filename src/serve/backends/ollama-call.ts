import type { Outgoing, Target } from '../../core/backend.ts'
import type { ModelFacts } from '../../core/model-facts.ts'
import type { Dialect, Operation } from '../../core/operation.ts'
import type { ModelRequest } from '../../core/request.ts'
import type { Work } from '../../core/turns.ts'
import { Draft } from './draft.ts'
import type { ForcedCall } from './forced-call.ts'
import { ollamaDraft } from './ollama-body.ts'
import { patchOllama, putOllamaSystem } from './ollama-patch.ts'
import { unsupported } from './quirks.ts'

/** What the adapter must remember of what it asked. */
export interface OllamaCall extends Outgoing {
  readonly model: string
  readonly completes: boolean
  readonly formatted: boolean
  readonly forced: ForcedCall | undefined
}

export interface OllamaServer {
  readonly ask: 'stream' | 'same'
  readonly keepAlive: string | number | undefined
  /** How long it stays loaded is not for clients to say. */
  readonly isManaged?: true
}

const paths: Partial<Record<Dialect, string>> = {
  'ollama-chat': '/api/chat',
  'ollama-generate': '/api/generate',
  'ollama-embed': '/api/embed',
  'ollama-embeddings': '/api/embeddings',
}

const dialects: Partial<Record<Operation, Dialect>> = {
  chat: 'ollama-chat',
  complete: 'ollama-generate',
  embed: 'ollama-embed',
}

/** A call in Ollama's own words: as it came, or said anew. */
export function* ollamaCall(
  request: ModelRequest,
  target: Target,
  facts: ModelFacts,
  { ask, keepAlive, isManaged }: OllamaServer,
): Work<OllamaCall> {
  const { operation } = request
  const isSame = paths[request.dialect] !== undefined
  const dialect = isSame ? request.dialect : dialects[operation]
  const path = dialect && paths[dialect]
  if (dialect === undefined || path === undefined) {
    throw unsupported('model', `This backend has no operation ${operation}.`)
  }
  const { draft, forced } = isSame
    ? { draft: new Draft(request.body), forced: undefined }
    : yield* ollamaDraft(yield* request.prompt(), facts)
  const stream = operation !== 'embed' && (request.stream || ask === 'stream')
  const { system } = target.behaviour
  if (system !== undefined && operation !== 'embed') yield* putOllamaSystem(draft, operation, system)
  if (isManaged) draft.drop('keep_alive')
  patchOllama(draft, { operation, target, facts, stream, keepAlive })
  return {
    path,
    headers: stream ? streamHeaders : wholeHeaders,
    body: draft.isChanged ? yield* draft.bytes() : draft.body.bytes,
    stream,
    dialect,
    warnings: draft.warnings,
    mustEncode: forced !== undefined,
    model: target.model,
    completes: operation === 'complete',
    formatted: draft.get('format') !== undefined,
    forced,
  }
}

const streamHeaders = { 'content-type': 'application/json', accept: 'application/x-ndjson' } as const
const wholeHeaders = { 'content-type': 'application/json', accept: 'application/json' } as const
