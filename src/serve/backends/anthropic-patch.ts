import type { Target } from '../../core/backend.ts'
import type { Work } from '../../core/turns.ts'
import type { Draft } from './draft.ts'
import { mergeStop } from './openai-patch.ts'
import { beforeText } from './system-text.ts'

/** The API wants a limit with every call; this is what is sent where neither the client nor the row gives one. */
export const defaultMaxTokens = 4096

/** Writes into a Messages body what this target needs, and nothing else. */
export function patchAnthropic(draft: Draft, { model, behaviour }: Target, stream: boolean): void {
  const { defaults = {}, limits, extra = {} } = behaviour
  if (draft.get('model') !== model) draft.set('model', model)
  if (stream && draft.get('stream') !== true) draft.set('stream', true)
  if (defaults.stop !== undefined) draft.setDefault('stop_sequences', defaults.stop)
  const stop = mergeStop(draft.get('stop_sequences'), behaviour.stop)
  if (stop !== undefined) draft.set('stop_sequences', stop)
  // Thinking excludes sampling: a default would make a good request a bad one.
  if (!thinks(draft)) {
    draft.setDefault('temperature', defaults.temperature)
    draft.setDefault('top_p', defaults.topP)
    draft.setDefault('top_k', defaults.topK)
  }
  capOutput(draft, defaults.maxOutputTokens, limits?.maxOutputTokens)
  for (const [field, value] of Object.entries(extra)) draft.setDefault(field, value)
}

/** The row’s own system text, before the client’s. */
export function* putSystem(draft: Draft, text: string): Work<void> {
  yield* draft.body.locating()
  const span = draft.body.span('system')
  const splice = span && beforeText(draft.body.bytes, span.start, text)
  if (splice === undefined) draft.set('system', text)
  else draft.splice(splice)
}

function thinks(draft: Draft): boolean {
  const thinking = draft.get('thinking') as { type?: unknown } | undefined
  return thinking !== undefined && thinking.type !== 'disabled'
}

function capOutput(draft: Draft, standard: number | undefined, limit: number | undefined): void {
  const said = draft.get('max_tokens')
  const asked = typeof said === 'number' ? said : (standard ?? defaultMaxTokens)
  const cap = Math.min(asked, limit ?? asked)
  if (cap !== said) draft.set('max_tokens', cap)
}

/** Signatures are base64; other vendors' seals, and what engines write, are not. */
export const isSignedHere = (signature: unknown): boolean =>
  typeof signature === 'string' && /^[\w+/=-]+$/.test(signature) && !signature.startsWith('rs_')

/** A thought of another model in the same conversation has no signature that the API would take: it refuses the call. */
export function* leaveForeignThoughts(draft: Draft): Work<void> {
  const { bytes } = draft.body
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
  if (!foreignSignature.test(text)) return
  yield* draft.body.decoding(['messages'])
  const messages = draft.get('messages')
  if (!Array.isArray(messages)) return
  let isAny = false
  const kept = (messages as unknown[]).map((message) => {
    const { content } = (message ?? {}) as { readonly content?: unknown }
    if (!Array.isArray(content)) return message
    const blocks = (content as unknown[]).filter((block) => !isForeignThought(block))
    if (blocks.length === content.length) return message
    isAny = true
    return { ...(message as object), content: blocks }
  })
  if (!isAny) return
  draft.set('messages', kept)
  draft.warnings.push('thinking')
}

/** Nearly no body has one: only then its messages are decoded. */
const foreignSignature = /"signature"\s*:\s*"(?:"|rs_|[\w+/=-]*\.)/

function isForeignThought(block: unknown): boolean {
  const { type, signature } = (block ?? {}) as { readonly type?: unknown; readonly signature?: unknown }
  return type === 'thinking' && !isSignedHere(signature)
}
