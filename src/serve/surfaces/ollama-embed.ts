import type { ModelEvent } from '../../core/event.ts'
import type { EmbedPrompt } from '../../core/request.ts'
import type { AnswerFacts, Surface } from '../../core/surface.ts'
import type { Work } from '../../core/turns.ts'
import type { Answer } from '../stream/fold.ts'
import { compact, type Fields } from './fields.ts'
import { ollamaError } from './ollama-error.ts'
import { ollamaMetrics } from './ollama-metrics.ts'
import { ollamaRequest } from './ollama-request.ts'
import { answerOf } from './openai-answer.ts'
import { encodeVector } from './vector.ts'
import { wholeOnly } from './whole-only.ts'

/** `POST /api/embed`: one text or several. */
export const ollamaEmbed = embedSurface('ollama-embed', '/api/embed', inputs, (answer, facts) => {
  const metrics = ollamaMetrics(answer.usage, answer.timing, { tookMs: facts.tookMs?.() ?? 0 })
  const { total_duration, load_duration, prompt_eval_count } = metrics
  return {
    model: facts.request.model,
    embeddings: vectors(answer),
    total_duration,
    load_duration,
    ...(prompt_eval_count !== undefined && { prompt_eval_count }),
  }
})

/** `POST /api/embeddings`: its older form, for one text. */
export const ollamaEmbeddings = embedSurface(
  'ollama-embeddings',
  '/api/embeddings',
  (fields) => [fields.text('prompt') ?? ''],
  (answer) => ({ embedding: vectors(answer)[0] ?? [] }),
)

function embedSurface(
  dialect: 'ollama-embed' | 'ollama-embeddings',
  path: string,
  read: (fields: Fields) => readonly string[],
  face: (answer: Answer, facts: AnswerFacts) => object,
): Surface {
  const whole = (events: readonly ModelEvent[], facts: AnswerFacts): string => {
    const answer = answerOf(events)
    return JSON.stringify({ ...answer.rest, ...face(answer, facts) })
  }
  return {
    id: dialect,
    operation: 'embed',
    dialect,
    paths: [path],
    ...wholeOnly(whole, ollamaError),
    parse: (body) =>
      ollamaRequest({
        operation: 'embed',
        dialect,
        body,
        prompt: (fields, rest) => embedPrompt(fields, rest, read(fields)),
      }),
  }
}

function* embedPrompt(
  fields: Fields,
  rest: Record<string, unknown>,
  texts: readonly string[],
): Work<EmbedPrompt> {
  // None of them means anything for a vector.
  yield* fields.object('options')?.keepUnread(rest) ?? []
  return compact<EmbedPrompt>({
    kind: 'embed',
    inputs: texts,
    encoding: 'float',
    dimensions: fields.integer('dimensions', 1),
    rest,
  })
}

function inputs(fields: Fields): readonly string[] {
  const input = fields.get('input')
  if (typeof input === 'string') return [input]
  const isTexts = Array.isArray(input) && input.every((item) => typeof item === 'string')
  if (!isTexts) throw fields.wrong('input', 'must be a string or a list of strings')
  return input
}

const vectors = ({ embeddings }: Answer) => embeddings.map(({ vector }) => encodeVector(vector, 'float'))
