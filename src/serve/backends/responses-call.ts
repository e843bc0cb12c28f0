import type { Behaviour } from '../../core/backend.ts'
import { ownSeal } from '../../core/own-seal.ts'
import type { ModelRequest } from '../../core/request.ts'
import type { Work } from '../../core/turns.ts'
import { callIds, withTakenIds } from './call-ids.ts'
import { Draft } from './draft.ts'
import { refuseAddresses } from './media.ts'
import { capOutput } from './openai-patch.ts'
import { headersFor, type Asked, type Server } from './openai-server.ts'
import { unsupported } from './quirks.ts'
import { responsesDraft } from './responses-body.ts'
import { ResponsesReading } from './responses-read.ts'

/** The row of the model says it, or that of its backend; else the client's own words where the server has them. */
export function wantsResponses(request: ModelRequest, server: Server): boolean {
  const api = server.target.behaviour.api ?? server.api
  return api === undefined
    ? server.preset.responses === true && request.dialect === 'openai-responses'
    : api === 'responses'
}

/** A chat by OpenAI's newer interface. What is to be kept of it we keep: the vendor is told to keep nothing. */
export function* responsesCall(request: ModelRequest, server: Server): Work<Asked> {
  const isSame = request.dialect === 'openai-responses'
  const draft = isSame
    ? new Draft(yield* withTakenIds(request.body, callIds.responses))
    : yield* draftOf(request)
  if (!server.mayFetch) yield* refuseAddresses(draft.body, 'input')
  const stream = request.stream || server.ask === 'stream'
  if (draft.get('model') !== server.target.model) draft.set('model', server.target.model)
  if (stream && draft.get('stream') !== true) draft.set('stream', true)
  if (draft.get('store') !== false) draft.set('store', false)
  // Conversations and calls in the background are ours too.
  for (const field of ['background', 'previous_response_id']) draft.remove(field)
  if (draft.get('reasoning') !== undefined) includeSeal(draft)
  if (isSame) yield* leaveForeignThoughts(draft)
  behave(draft, server.target.behaviour)
  return {
    path: server.under('/responses'),
    headers: headersFor(server.preset, stream),
    body: draft.isChanged ? yield* draft.bytes() : draft.body.bytes,
    stream,
    dialect: 'openai-responses',
    warnings: draft.warnings,
    reading: () => new ResponsesReading(),
  }
}

function* draftOf(request: ModelRequest): Work<Draft> {
  const prompt = yield* request.prompt()
  if (prompt.kind !== 'chat') throw unsupported('model', 'This interface knows chats only.')
  return yield* responsesDraft(prompt, request.dialect)
}

/** Who keeps nothing must be sent what was thought, sealed, to have it back in the next turn. */
function includeSeal(draft: Draft): void {
  const include = draft.get('include')
  const asked = Array.isArray(include) ? (include as unknown[]) : []
  if (!asked.includes(seal)) draft.set('include', [...asked, seal])
}

const seal = 'reasoning.encrypted_content'

/** A thought of another model in the same conversation: the vendor knows neither its id nor its seal, and refuses the call. */
function* leaveForeignThoughts(draft: Draft): Work<void> {
  if (!Buffer.from(draft.body.bytes).includes('"reasoning"')) return
  yield* draft.body.decoding()
  const input = draft.get('input')
  if (!Array.isArray(input)) return
  const known = (input as unknown[]).filter((item) => !isForeignThought(item))
  if (known.length === input.length) return
  draft.set('input', known)
  draft.warnings.push('reasoning')
}

function isForeignThought(item: unknown): boolean {
  const { type, encrypted_content: sealed } = (item ?? {}) as Readonly<Record<string, unknown>>
  return type === 'reasoning' && (typeof sealed !== 'string' || sealed.startsWith(ownSeal))
}

function behave(draft: Draft, behaviour: Behaviour): void {
  const { system, stop, defaults, extra } = behaviour
  if (system !== undefined) draft.set('instructions', joined(system, draft.get('instructions')))
  draft.setDefault('temperature', defaults?.temperature)
  draft.setDefault('top_p', defaults?.topP)
  for (const [isSaid, field] of [
    [stop ?? defaults?.stop, 'stop'],
    [defaults?.topK, 'top_k'],
    [defaults?.seed, 'seed'],
    [defaults?.frequencyPenalty, 'frequency_penalty'],
    [defaults?.presencePenalty, 'presence_penalty'],
  ] as const) {
    if (isSaid !== undefined && !draft.warnings.includes(field)) draft.warnings.push(field)
  }
  capOutput(draft, behaviour, ['max_output_tokens'])
  if (extra !== undefined) for (const [field, value] of Object.entries(extra)) draft.setDefault(field, value)
}

/** The row's own system text before the client's. */
export const joined = (system: string, own: unknown): string =>
  typeof own === 'string' ? `${system}\n\n${own}` : system
