import type { Target } from '../../core/backend.ts'
import { reported } from '../../core/usage.ts'
import type { Draft } from './draft.ts'
import { isCount } from './openai-usage.ts'
import { invalid, parseObject } from './reading.ts'
import type { Reading } from './reading.ts'
import { failureInBody } from './upstream-failure.ts'

/** What an answer needs and a count refuses; only a body that was translated has them. */
const ofAnswersOnly = ['max_tokens', 'stop_sequences', 'temperature', 'top_p', 'top_k', 'metadata'] as const

/** Makes of a Messages body one that is to be counted: the same prompt, and nothing about its answer. */
export function patchCount(draft: Draft, { model }: Target): void {
  if (draft.get('model') !== model) draft.set('model', model)
  for (const field of ofAnswersOnly) draft.remove(field)
}

/** Reads `{"input_tokens": n}`. */
export const countReading: Reading = {
  message: () => {
    throw invalid('is a stream')
  },
  whole: (body) => {
    const text = decoder.decode(body)
    const { input_tokens: tokens, error } = parseObject(text) as { input_tokens?: unknown; error?: unknown }
    if (error !== undefined) return [failureInBody(text, error), { type: 'end' }]
    if (!isCount(tokens)) throw invalid('has no count')
    return [{ type: 'usage', usage: { input: reported(tokens) } }, { type: 'end' }]
  },
}

const decoder = new TextDecoder()
