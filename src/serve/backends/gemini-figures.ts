import type { ModelEvent } from '../../core/event.ts'
import { reported } from '../../core/usage.ts'
import { geminiFailureIn } from './gemini-failure.ts'
import { isCount } from './openai-usage.ts'
import { invalid, wholeOnly, type Reading } from './reading.ts'

interface RawFigures {
  readonly embeddings?: readonly { readonly values?: readonly number[] }[]
  readonly usageMetadata?: { readonly promptTokenCount?: number } | null
  readonly totalTokens?: number
  readonly error?: unknown
}

/** Or the failure that stands in their place. */
const figures = (events: (raw: RawFigures) => readonly ModelEvent[]): Reading =>
  wholeOnly((answer, text) => {
    const raw = answer as RawFigures
    return raw.error ? [geminiFailureIn(text, raw.error)] : events(raw)
  })

/** `{embeddings: [{values}]}`, in the order of the texts. */
export const embedReading = figures(({ embeddings, usageMetadata }) => {
  if (!Array.isArray(embeddings)) throw invalid('has no vectors')
  const vectors = (embeddings as NonNullable<RawFigures['embeddings']>).map(
    ({ values = [] }, index): ModelEvent => ({ type: 'embedding', index, vector: values }),
  )
  const tokens = usageMetadata?.promptTokenCount
  return isCount(tokens) ? [...vectors, { type: 'usage', usage: { input: reported(tokens) } }] : vectors
})

/** `{totalTokens}`: of the prompt that was counted. */
export const countReading = figures(({ totalTokens }) => {
  if (!isCount(totalTokens)) throw invalid('has no count')
  return [{ type: 'usage', usage: { input: reported(totalTokens) } }]
})
