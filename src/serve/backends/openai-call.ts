import type { Dialect } from '../../core/operation.ts'
import type { ModelRequest } from '../../core/request.ts'
import type { Work } from '../../core/turns.ts'
import { callIds, withTakenIds } from './call-ids.ts'
import { Draft } from './draft.ts'
import { refuseAddresses } from './media.ts'
import { forceCall, readingCall } from './forced-call.ts'
import { openAiDraft } from './openai-body.ts'
import { canStream, patchOpenAi, putSystem } from './openai-patch.ts'
import { OpenAiReading } from './openai-read.ts'
import { headersFor, type Asked, type Server } from './openai-server.ts'

const paths = { chat: '/chat/completions', complete: '/completions', embed: '/embeddings' } as const

type OpenAiOperation = keyof typeof paths

const dialects = {
  chat: 'openai-chat',
  complete: 'openai-completions',
  embed: 'openai-embeddings',
} as const satisfies Record<OpenAiOperation, Dialect>

/** A chat, a completion or embeddings, in the interfaces that nearly every engine has. */
export function* openAiCall(request: ModelRequest, server: Server, operation: OpenAiOperation): Work<Asked> {
  const { preset, ask } = server
  const dialect = dialects[operation]
  const draft =
    request.dialect === dialect
      ? new Draft(yield* withTakenIds(request.body, callIds.chat))
      : yield* openAiDraft(yield* request.prompt(), server)
  // vLLM takes a chat there too, and would take it before what was asked for and looked at.
  if (operation !== 'chat') draft.drop('messages')
  else if (!server.mayFetch) yield* refuseAddresses(draft.body, 'messages')
  const forced = operation === 'chat' && preset.bindsCalls ? yield* forceCall(draft) : undefined
  if (operation === 'chat' && forced === undefined) warnOfTools(draft, server)
  const wasBase64 = operation === 'embed' && draft.get('encoding_format') === 'base64'
  const stream = operation !== 'embed' && (request.stream || (ask === 'stream' && canStream(draft)))
  const { system } = server.target.behaviour
  if (system !== undefined && operation !== 'embed') yield* putSystem(draft, operation, system)
  patchOpenAi(draft, operation, server.target, preset, stream)
  return {
    path: server.under(paths[operation]),
    headers: headersFor(preset, stream),
    body: draft.isChanged ? yield* draft.bytes() : draft.body.bytes,
    stream,
    dialect,
    warnings: draft.warnings,
    mustEncode: (wasBase64 && !preset.base64) || forced !== undefined,
    reading: () => {
      const reading = new OpenAiReading()
      return forced === undefined ? reading : readingCall(reading, forced)
    },
  }
}

/** A chat template without tools shows the model none: its engine takes them and says nothing. */
function warnOfTools(draft: Draft, { facts }: Server): void {
  const { capabilities } = facts ?? {}
  if (capabilities === undefined || capabilities.includes('tools')) return
  if (draft.body.typeOf('tools') === 'list') draft.warnings.push('tools')
}
