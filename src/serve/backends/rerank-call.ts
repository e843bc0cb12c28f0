import type { ModelEvent } from '../../core/event.ts'
import { JsonText } from '../../core/json.ts'
import type { ModelRequest, RerankPrompt } from '../../core/request.ts'
import type { Work } from '../../core/turns.ts'
import { Draft } from './draft.ts'
import { headersFor, type Asked, type Server } from './openai-server.ts'
import { usageOf, isCount, type RawUsage } from './openai-usage.ts'
import { unsupported } from './quirks.ts'
import { invalid, wholeOnly } from './reading.ts'
import { failureInBody } from './upstream-failure.ts'

/**
 * Documents ranked by how well they answer a query. The client's body goes out as it came but for what engines
 * disagree in: documents are texts, and come back from us, who have them.
 */
export function* rerankCall(request: ModelRequest, server: Server): Work<Asked> {
  const prompt = yield* request.prompt()
  if (prompt.kind !== 'rerank') throw unsupported('model', 'This backend ranks documents only.')
  const isSame = request.dialect === 'rerank'
  const draft = isSame ? new Draft(request.body) : new Draft(yield* JsonText.printed(bodyOf(prompt)))
  if (draft.get('model') !== server.target.model) draft.set('model', server.target.model)
  const given = draft.get('documents')
  if (Array.isArray(given) && given.some((each) => typeof each !== 'string')) {
    draft.set('documents', prompt.documents)
  }
  draft.remove('return_documents')
  const { extra } = server.target.behaviour
  if (extra !== undefined) for (const [field, value] of Object.entries(extra)) draft.setDefault(field, value)
  return {
    path: server.under('/rerank'),
    headers: headersFor(server.preset, false),
    body: draft.isChanged ? yield* draft.bytes() : draft.body.bytes,
    stream: false,
    dialect: 'rerank',
    warnings: draft.warnings,
    mustEncode: true,
    reading: () => rerankReading,
  }
}

const bodyOf = ({ query, documents, top }: RerankPrompt): Record<string, unknown> => ({
  query,
  documents,
  top_n: top,
})

interface RawScore {
  readonly index?: number
  readonly relevance_score?: number
  /** SGLang, TEI. */
  readonly score?: number
}

interface RawRanking extends Readonly<Record<string, unknown>> {
  readonly id?: string
  readonly model?: string
  readonly results?: readonly RawScore[]
  readonly usage?: RawUsage & { readonly total_tokens?: number }
  /** Cohere. */
  readonly meta?: { readonly tokens?: { readonly input_tokens?: number } }
  readonly error?: unknown
}

const rerankReading = wholeOnly((answer, text) => {
  // SGLang sends the bare list.
  const raw = (Array.isArray(answer) ? { results: answer as RawScore[] } : answer) as RawRanking
  if (raw.error) return [failureInBody(text, raw.error)]
  if (!Array.isArray(raw.results)) throw invalid('has no results')
  const { id, model } = raw
  return [
    { type: 'start', ...(id && { id }), ...(model && { model }) },
    ...raw.results.map(scoreOf),
    ...usedIn(raw),
  ]
})

function scoreOf({ index, relevance_score: relevance, score = relevance }: RawScore): ModelEvent {
  if (!isCount(index) || typeof score !== 'number') throw invalid('has a result without index or score')
  return { type: 'score', index, score }
}

/** All tokens of a ranking are read: some tell only the total. */
function usedIn({ usage, meta }: RawRanking): ModelEvent[] {
  const tokens = usage?.prompt_tokens ?? usage?.total_tokens ?? meta?.tokens?.input_tokens
  if (tokens === undefined) return []
  return [{ type: 'usage', usage: usageOf({ ...usage, prompt_tokens: tokens }) }]
}
