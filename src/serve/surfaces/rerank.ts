import { isObject } from '../../core/is-object.ts'
import type { ModelEvent } from '../../core/event.ts'
import type { JsonText } from '../../core/json.ts'
import type { RerankPrompt } from '../../core/request.ts'
import type { AnswerFacts, Surface } from '../../core/surface.ts'
import type { Work } from '../../core/turns.ts'
import { Fields, compact } from './fields.ts'
import { answerOf } from './openai-answer.ts'
import { openAiRequest, requireList } from './openai-request.ts'
import { wholeOnly } from './whole-only.ts'

/** `POST /v1/rerank`, as Jina and Cohere shaped it and engines took it over. Never streams. */
export const rerank: Surface = {
  ...wholeOnly(wholeAnswer),
  id: 'rerank',
  operation: 'rerank',
  dialect: 'rerank',
  paths: ['/v1/rerank', '/rerank', '/v2/rerank'],

  parse(body) {
    const fields = new Fields(body)
    requireList(body, fields, 'documents')
    fields.required('query', fields.text('query'))
    fields.integer('top_n', 0)
    fields.boolean('return_documents')
    const request = openAiRequest({
      operation: 'rerank',
      dialect: 'rerank',
      body,
      fields,
      maxOutputTokens: undefined,
      prompt: () => rerankPrompt(body),
    })
    return { ...request, stream: false, wantsUsage: false }
  },
}

function* rerankPrompt(body: JsonText): Work<RerankPrompt> {
  yield* body.decoding()
  const fields = new Fields(body)
  fields.get('model')
  const rest: Record<string, unknown> = {}
  const prompt = compact<RerankPrompt>({
    kind: 'rerank',
    query: fields.required('query', fields.text('query')),
    documents: yield* documentTexts(fields),
    top: fields.integer('top_n', 0),
    returnDocuments: fields.boolean('return_documents') ?? false,
    rest,
  })
  yield* fields.keepUnread(rest)
  return prompt
}

function* documentTexts(fields: Fields): Work<string[]> {
  const texts: string[] = []
  for (const [at, document] of (fields.list('documents') ?? []).entries()) {
    const text = isObject(document) ? document['text'] : document
    if (typeof text !== 'string')
      throw fields.wrong(`documents[${at}]`, 'must be a string, or an object with `text`')
    texts.push(text)
    yield
  }
  return texts
}

/** The best first; of what the engine ranked, as many as were asked for. */
function wholeAnswer(events: readonly ModelEvent[], { request, requestId }: AnswerFacts): string {
  const answer = answerOf(events)
  const { body } = request
  const top = body.get('top_n')
  const documents = body.get('return_documents') === true ? (body.get('documents') as unknown[]) : undefined
  const scores = events.filter((event) => event.type === 'score')
  const best = scores.toSorted((a, b) => b.score - a.score)
  const tokens = answer.usage?.input?.tokens
  return JSON.stringify({
    id: answer.id ?? `rerank-${requestId}`,
    object: 'list',
    model: answer.model ?? request.model,
    results: best.slice(0, typeof top === 'number' ? top : undefined).map(({ index, score }) => ({
      index,
      relevance_score: score,
      ...(documents !== undefined && { document: documentOf(documents[index]) }),
    })),
    ...(tokens !== undefined && { usage: { prompt_tokens: tokens, total_tokens: tokens } }),
  })
}

const documentOf = (document: unknown): unknown =>
  typeof document === 'string' ? { text: document } : document
