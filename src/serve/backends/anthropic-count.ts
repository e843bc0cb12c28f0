import type { Target } from '../../core/backend.ts'
import { reported } from '../../core/usage.ts'
import type { Draft } from './draft.ts'
import { isCount } from './openai-usage.ts'
import { invalid, wholeOnly } from './reading.ts'
import { failureInBody } from './upstream-failure.ts'

/** What an answer needs and a count refuses; only a body that was translated has them. */
const ofAnswersOnly = ['max_tokens', 'stop_sequences', 'temperature', 'top_p', 'top_k', 'metadata'] as const

/** Makes of a Messages body one that is to be counted: the same prompt, and nothing about its answer. */
export function patchCount(draft: Draft, { model }: Target): void {
  if (draft.get('model') !== model) draft.set('model', model)
  for (const field of ofAnswersOnly) draft.remove(field)
}

/** Reads `{"input_tokens": n}`. */
export const countReading = wholeOnly((answer, text) => {
  const { input_tokens: tokens, error } = answer as { input_tokens?: unknown; error?: unknown }
  if (error !== undefined) return [failureInBody(text, error)]
  if (!isCount(tokens)) throw invalid('has no count')
  return [{ type: 'usage', usage: { input: reported(tokens) } }]
})
