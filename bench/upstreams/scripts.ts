import { chunkText } from './upstream.ts'

/** A streamed answer of a dialect, piece by piece. */
export interface Script {
  readonly before: string
  readonly chunk: (at: number) => string
  readonly after: string
}

const anthropicEvent = (type: string, fields: object): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`

const anthropic = (chunks: number): Script => ({
  before:
    anthropicEvent('message_start', {
      message: {
        id: 'msg_0123456789abcdef',
        type: 'message',
        role: 'assistant',
        model: 'mock',
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: { input_tokens: 190, output_tokens: 1 },
      },
    }) + anthropicEvent('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
  chunk: (at) =>
    anthropicEvent('content_block_delta', { index: 0, delta: { type: 'text_delta', text: chunkText(at) } }),
  after:
    anthropicEvent('content_block_stop', { index: 0 }) +
    anthropicEvent('message_delta', {
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { output_tokens: chunks },
    }) +
    anthropicEvent('message_stop', {}),
})

const openAiEvent = (choices: readonly object[], more: object = {}): string =>
  `data: ${JSON.stringify({
    id: 'chatcmpl-0123456789abcdef',
    object: 'chat.completion.chunk',
    created: 1_790_000_000,
    model: 'mock',
    choices,
    ...more,
  })}\n\n`

const openAiDelta = (delta: object, finish: string | null = null): string =>
  openAiEvent([{ index: 0, delta, logprobs: null, finish_reason: finish }])

function openAi(chunks: number, withUsage: boolean): Script {
  const usage = { prompt_tokens: 190, completion_tokens: chunks, total_tokens: 190 + chunks }
  return {
    before: openAiDelta({ role: 'assistant', content: '' }),
    chunk: (at) => openAiDelta({ content: chunkText(at) }),
    after: `${openAiDelta({}, 'stop')}${withUsage ? openAiEvent([], { usage }) : ''}data: [DONE]\n\n`,
  }
}

const responses = (chunks: number): Script => {
  const at = { item_id: 'msg_0', output_index: 0, content_index: 0 }
  const item = { type: 'message', id: 'msg_0', role: 'assistant', status: 'in_progress', content: [] }
  const response = {
    id: 'resp_0123456789abcdef',
    object: 'response',
    created_at: 1_790_000_000,
    model: 'mock',
  }
  let number = 0
  const event = (type: string, fields: object): string =>
    `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: number++, ...fields })}\n\n`
  const usage = {
    input_tokens: 190,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: chunks,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 190 + chunks,
  }
  return {
    before:
      event('response.created', { response: { ...response, status: 'in_progress', output: [] } }) +
      event('response.output_item.added', { output_index: 0, item }) +
      event('response.content_part.added', {
        ...at,
        part: { type: 'output_text', text: '', annotations: [] },
      }),
    chunk: (index) => event('response.output_text.delta', { ...at, delta: chunkText(index), logprobs: [] }),
    after: event('response.completed', { response: { ...response, status: 'completed', output: [], usage } }),
  }
}

const line = (fields: object): string =>
  `${JSON.stringify({ model: 'mock', created_at: '2026-11-21T10:00:00.123456789Z', ...fields })}\n`

const ollama = (chunks: number): Script => ({
  before: line({ message: { role: 'assistant', content: '' }, done: false }),
  chunk: (at) => line({ message: { role: 'assistant', content: chunkText(at) }, done: false }),
  after: line({
    message: { role: 'assistant', content: '' },
    done: true,
    done_reason: 'stop',
    total_duration: 9_000_000,
    prompt_eval_count: 190,
    prompt_eval_duration: 3_000_000,
    eval_count: chunks,
    eval_duration: 4_000_000,
  }),
})

const geminiEvent = (text: string, more: object = {}): string =>
  `data: ${JSON.stringify({
    candidates: [{ index: 0, content: { role: 'model', parts: [{ text }] }, ...more }],
    usageMetadata: { promptTokenCount: 190, candidatesTokenCount: 1, totalTokenCount: 191 },
    modelVersion: 'mock',
    responseId: 'wLdoaZ3fMZ6N1PIP',
  })}\r\n\r\n`

const gemini = (): Script => ({
  before: geminiEvent(''),
  chunk: (at) => geminiEvent(chunkText(at)),
  after: geminiEvent('', { finishReason: 'STOP' }),
})

interface Maker {
  readonly lines: keyof typeof mediaTypes
  of(chunks: number, withUsage: boolean): Script
}

export const mediaTypes = { sse: 'text/event-stream', ndjson: 'application/x-ndjson' } as const

/** By what stands in the path. */
const makers: readonly (readonly [part: string, maker: Maker])[] = [
  ['/messages', { lines: 'sse', of: anthropic }],
  ['/completions', { lines: 'sse', of: openAi }],
  ['/responses', { lines: 'sse', of: responses }],
  ['/api/chat', { lines: 'ndjson', of: ollama }],
  [':streamGenerateContent', { lines: 'sse', of: gemini }],
]

/** Undefined for what is no call to a model. */
export const scriptFor = (path: string): Maker | undefined =>
  makers.find(([part]) => path.includes(part))?.[1]
