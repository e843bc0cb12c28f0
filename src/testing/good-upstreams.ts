import type { Said } from './contract/cases.ts'
import { contractUpstreams } from './contract/index.ts'
import type { ContractUpstream } from './contract/upstream.ts'
import { openAiUpstream } from './contract/upstreams/openai.ts'
import { fakeAnswer, sse } from './fake-answers.ts'
import type { Received, Script } from './fake-model.ts'

/** Those of the contract, and an engine that can do everything. */
export const goodUpstreams: readonly ContractUpstream[] = [
  ...contractUpstreams,
  { ...openAiUpstream, id: 'llama-server', backend: 'llama-server' },
]

type Json = Readonly<Record<string, unknown>>

const said: Said = {
  pieces: [{ text: 'Hello' }, { text: ' there.' }],
  finish: 'stop',
  usage: { input: 7, cached: 0, output: 3 },
}

/** What a good upstream answers to whatever its dialect has, chats in the words of the contract. */
export function goodAnswer(upstream: ContractUpstream, request: Received): Script {
  const aside = upstream.aside?.(request)
  if (aside !== undefined) return aside
  if (request.method === 'GET') return whole({ object: 'list', data: [] })
  const body = request.json()
  const path = request.path.split('?')[0] ?? ''
  for (const [end, answer] of Object.entries(beside)) if (path.endsWith(end)) return answer(body, request)
  return upstream.answer(
    schemaOf(body) === undefined ? said : { ...said, pieces: [{ text: boundAnswer }] },
    request,
  )
}

const whole = (answer: unknown): Script => ({ chunks: [JSON.stringify(answer)] })
const vector = [0.25, -0.5, 1]

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as unknown[]) : [value])

const schemaOf = ({ response_format: format }: Json): unknown =>
  (format as { json_schema?: unknown } | undefined)?.json_schema

/** An answer that is bound to a schema is an object; to several calls, names one. */
const boundAnswer = '{"name":"get_weather","arguments":{}}'

/** By the end of their path: what is no chat. */
const beside: Readonly<Record<string, (body: Json, request: Received) => Script>> = {
  '/v1/embeddings': (_, request) => fakeAnswer(request),
  '/v1/completions': (_, request) => fakeAnswer(request),
  '/v1/rerank': ({ documents }) =>
    whole({ results: listOf(documents).map((_, index) => ({ index, relevance_score: 1 / (index + 1) })) }),
  '/tokenize': () => whole({ tokens: [1, 2, 3] }),
  '/detokenize': () => whole({ content: 'Hello' }),
  '/input_tokens': () => whole({ object: 'response.input_tokens', input_tokens: 7 }),
  '/count_tokens': () => whole({ input_tokens: 7 }),
  '/infill': ({ stream }) => {
    const last = { content: '', stop: true, stop_type: 'eos', tokens_evaluated: 7, tokens_predicted: 3 }
    return stream === true
      ? { chunks: sse([{ content: 'Hello', stop: false }, last]) }
      : whole({ ...last, content: 'Hello' })
  },
  '/api/embed': ({ input }) => whole({ model: 'm', embeddings: listOf(input).map(() => vector) }),
  '/api/embeddings': () => whole({ embedding: vector }),
  '/api/generate': ({ stream }) => {
    const head = { model: 'm', created_at: '2026-11-21T10:00:00.123456789Z' }
    const end = {
      ...head,
      response: '',
      done: true,
      done_reason: 'stop',
      prompt_eval_count: 7,
      eval_count: 3,
    }
    if (stream === false) return whole({ ...end, response: 'Hello' })
    const lines = [{ ...head, response: 'Hello', done: false }, end]
    return {
      headers: { 'content-type': 'application/x-ndjson' },
      chunks: lines.map((line) => `${JSON.stringify(line)}\n`),
    }
  },
  ':batchEmbedContents': ({ requests }) =>
    whole({ embeddings: listOf(requests).map(() => ({ values: vector })) }),
  ':countTokens': () => whole({ totalTokens: 7 }),
}
