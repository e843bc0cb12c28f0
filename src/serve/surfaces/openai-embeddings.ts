import type { ModelEvent } from '../../core/event.ts'
import type { JsonText } from '../../core/json.ts'
import type { EmbedPrompt } from '../../core/request.ts'
import type { Work } from '../../core/turns.ts'
import type { AnswerFacts, Surface } from '../../core/surface.ts'
import { Fields, compact } from './fields.ts'
import { answerOf } from './openai-answer.ts'
import { tokenInputs } from './openai-inputs.ts'
import { openAiRequest, requireList } from './openai-request.ts'
import { encodeVector } from './vector.ts'
import { wholeOnly } from './whole-only.ts'

/** `POST /v1/embeddings`. Never streams. */
export const openAiEmbeddings: Surface = {
  id: 'openai-embeddings',
  operation: 'embed',
  dialect: 'openai-embeddings',
  paths: ['/v1/embeddings'],
  ...wholeOnly(wholeAnswer),

  parse(body) {
    const fields = new Fields(body)
    requireList(body, fields, 'input', 'or text')
    encodingOf(fields)
    const request = openAiRequest({
      operation: 'embed',
      dialect: 'openai-embeddings',
      body,
      fields,
      maxOutputTokens: undefined,
      prompt: () => embedPrompt(body),
    })
    return { ...request, stream: false, wantsUsage: false }
  },
}

function wholeAnswer(events: readonly ModelEvent[], facts: AnswerFacts): string {
  const answer = answerOf(events)
  const encoding = encodingOf(new Fields(facts.request.body))
  const tokens = answer.usage?.input?.tokens
  return JSON.stringify({
    ...answer.rest,
    object: 'list',
    data: answer.embeddings.map(({ index, vector }) => ({
      object: 'embedding',
      index,
      embedding: encodeVector(vector, encoding),
    })),
    model: answer.model ?? facts.request.model,
    ...(tokens !== undefined && { usage: { prompt_tokens: tokens, total_tokens: tokens } }),
  })
}

function* embedPrompt(body: JsonText): Work<EmbedPrompt> {
  yield* body.decoding()
  const fields = new Fields(body)
  fields.get('model')
  const rest: Record<string, unknown> = {}
  const prompt = compact<EmbedPrompt>({
    kind: 'embed',
    inputs: tokenInputs(fields, 'input'),
    encoding: encodingOf(fields),
    dimensions: fields.integer('dimensions', 1),
    rest,
  })
  yield* fields.keepUnread(rest)
  return prompt
}

function encodingOf(fields: Fields): EmbedPrompt['encoding'] {
  const encoding = fields.text('encoding_format') ?? 'float'
  if (encoding !== 'float' && encoding !== 'base64')
    throw fields.wrong('encoding_format', 'must be float or base64')
  return encoding
}
