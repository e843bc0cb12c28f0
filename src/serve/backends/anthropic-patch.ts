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
