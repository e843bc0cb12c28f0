import type { Behaviour, Target } from '../../core/backend.ts'
import type { Operation } from '../../core/operation.ts'
import type { Sampling } from '../../core/request.ts'
import type { Work } from '../../core/turns.ts'
import type { Draft } from './draft.ts'
import type { Preset } from './presets.ts'
import { quirks, unsupported } from './quirks.ts'
import { systemSplice } from './system-text.ts'

/** Writes into an OpenAI body what this target and this engine need, and nothing else. */
export function patchOpenAi(
  draft: Draft,
  operation: Operation,
  target: Target,
  preset: Preset,
  stream: boolean,
): void {
  if (draft.get('model') !== target.model) draft.set('model', target.model)
  if (operation === 'embed') {
    if (!preset.base64 && draft.get('encoding_format') === 'base64') draft.set('encoding_format', 'float')
  } else {
    askFor(draft, stream)
    refuseChoices(draft, preset)
    behave(draft, target.behaviour, preset)
  }
  for (const name of preset.quirks ?? []) quirks[name](draft)
  const { extra } = target.behaviour
  if (extra !== undefined) for (const [field, value] of Object.entries(extra)) draft.setDefault(field, value)
}

/** `best_of` picks from whole answers: no engine streams it. */
export function canStream(draft: Draft): boolean {
  const best = draft.get('best_of')
  return typeof best !== 'number' || best <= Number(draft.get('n') ?? 1)
}

function askFor(draft: Draft, stream: boolean): void {
  if (!stream) return
  if (draft.get('stream') !== true) draft.set('stream', true)
  const options = draft.get('stream_options') as { include_usage?: unknown } | undefined
  if (options?.include_usage !== true) draft.setIn('stream_options', 'include_usage', true)
}

function refuseChoices(draft: Draft, preset: Preset): void {
  if (preset.manyChoices || Number(draft.get('n') ?? 1) <= 1) return
  throw unsupported('n', 'This backend gives one answer at a time.')
}

function behave(draft: Draft, behaviour: Behaviour, preset: Preset): void {
  if (behaviour.defaults !== undefined) useDefaults(draft, behaviour.defaults, preset)
  if (behaviour.stop !== undefined) {
    const stop = mergeStop(draft.get('stop'), behaviour.stop)
    if (stop !== undefined) draft.set('stop', stop)
  }
  capOutput(draft, behaviour, preset.outputLimit)
}

function useDefaults(draft: Draft, defaults: Sampling, preset: Preset): void {
  draft.setDefault('stop', defaults.stop)
  for (const [word, field] of samplingFields) {
    if (field !== 'top_k' || preset.readsTopK) draft.setDefault(field, defaults[word])
    else if (defaults.topK !== undefined && draft.get('top_k') === undefined) draft.warnings.push('top_k')
  }
}

/** The row’s own system text; a raw prompt has no place for it. */
export function* putSystem(draft: Draft, operation: Operation, text: string): Work<void> {
  const splice = operation === 'chat' ? yield* systemSplice(draft.body, text) : undefined
  if (splice === undefined) draft.warnings.push('system')
  else draft.splice(splice)
}

/** The stop sequences to send; undefined where the body already says them. */
export function mergeStop(own: unknown, added: readonly string[] | undefined): readonly string[] | undefined {
  const list = typeof own === 'string' ? [own] : Array.isArray(own) ? (own as readonly string[]) : []
  const missing = (added ?? []).filter((stop) => !list.includes(stop))
  return missing.length === 0 ? undefined : [...list, ...missing]
}

/** Under the first name, or those of them that are there: the lower of what the client and the row say. */
export function capOutput(draft: Draft, { defaults, limits }: Behaviour, names: readonly string[]): void {
  const fields =
    names.length > outputFields.length || !outputFields.includes(names[0] ?? '') ? names : outputFields
  let cap = limits?.maxOutputTokens ?? Infinity
  let isSaid = false
  for (const field of fields) {
    const tokens = draft.get(field)
    if (typeof tokens !== 'number') continue
    isSaid = true
    cap = Math.min(cap, tokens)
  }
  if (!isSaid) cap = Math.min(cap, defaults?.maxOutputTokens ?? Infinity)
  if (cap === Infinity) return
  let isRead = false
  for (const field of fields) {
    const tokens = draft.get(field)
    if (typeof tokens !== 'number') continue
    if (!names.includes(field)) draft.remove(field)
    else {
      isRead = true
      if (tokens > cap) draft.set(field, cap)
    }
  }
  const [first] = names
  if (!isRead && first !== undefined) draft.set(first, cap)
}

const outputFields: readonly string[] = ['max_tokens', 'max_completion_tokens']

/** The words that OpenAI and Ollama share for them. */
export const samplingFields = [
  ['temperature', 'temperature'],
  ['topP', 'top_p'],
  ['topK', 'top_k'],
  ['seed', 'seed'],
  ['frequencyPenalty', 'frequency_penalty'],
  ['presencePenalty', 'presence_penalty'],
] as const satisfies readonly (readonly [keyof Sampling, string])[]
