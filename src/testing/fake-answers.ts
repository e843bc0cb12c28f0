import type { Received, Script } from './fake-model.ts'

const id = 'fake-1'
const created = 1_700_000_000
const usage = { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 }
const defaultTexts = ['Hello', ' there', '.']

/** What a good upstream answers, in the dialect of the path; `texts` are the pieces of its answer. */
export function fakeAnswer(
  request: Received,
  _number?: number,
  texts: readonly string[] = defaultTexts,
): Script {
  const path = request.path.split('?')[0] ?? ''
  if (request.method === 'GET') return { chunks: ['{"object":"list","data":[]}'] }
  const body = request.json()
  if (path.endsWith('/chat/completions')) return openAi(body, texts, 'chat.completion')
  if (path.endsWith('/completions')) return openAi(body, texts, 'text_completion')
  if (path.endsWith('/embeddings')) return embeddings(body)
  if (path.endsWith('/messages')) return messages(body, texts)
  return { status: 404, chunks: ['{"error":{"message":"no such path","type":"not_found_error"}}'] }
}

/** Chunks of one event stream: each value one `data:` message. */
export const sse = (values: readonly unknown[]): string[] =>
  values.map((value) => `data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`)

/** Bytes cut at these offsets. */
export function splitAt(bytes: Uint8Array, offsets: readonly number[]): Uint8Array[] {
  const edges = [0, ...offsets, bytes.length]
  return edges.slice(1).map((end, number) => bytes.subarray(edges[number], end))
}

function openAi(
  { model, stream, stream_options: options }: Record<string, unknown>,
  texts: readonly string[],
  object: 'chat.completion' | 'text_completion',
): Script {
  const isChat = object === 'chat.completion'
  const base = { id, object, created, model }
  if (stream !== true) {
    const text = texts.join('')
    const said = isChat ? { message: { role: 'assistant', content: text } } : { text }
    const choices = [{ index: 0, ...said, logprobs: null, finish_reason: 'stop' }]
    return { chunks: [JSON.stringify({ ...base, choices, usage })] }
  }
  const chunk = { ...base, object: isChat ? 'chat.completion.chunk' : object }
  const piece = (content: string): object => (isChat ? { delta: { content } } : { text: content })
  const pieces = texts.map((text) => ({
    ...chunk,
    choices: [{ index: 0, ...piece(text), finish_reason: null }],
  }))
  const last = isChat ? { delta: {} } : { text: '' }
  const wantsUsage = (options as { include_usage?: unknown } | undefined)?.include_usage === true
  return {
    chunks: sse([
      ...pieces,
      { ...chunk, choices: [{ index: 0, ...last, finish_reason: 'stop' }] },
      ...(wantsUsage ? [{ ...chunk, choices: [], usage }] : []),
      '[DONE]',
    ]),
  }
}

function embeddings({ model, input, encoding_format: format }: Record<string, unknown>): Script {
  const inputs = Array.isArray(input) && typeof input[0] !== 'number' ? (input as unknown[]) : [input]
  const vector = [0.25, -0.5, 1]
  const embedding =
    format === 'base64' ? Buffer.from(new Float32Array(vector).buffer).toString('base64') : vector
  const data = inputs.map((_, index) => ({ object: 'embedding', index, embedding }))
  const answer = { object: 'list', model, data, usage: { prompt_tokens: 4, total_tokens: 4 } }
  return { chunks: [JSON.stringify(answer)] }
}

function messages({ model, stream }: Record<string, unknown>, texts: readonly string[]): Script {
  const message = { id, type: 'message', role: 'assistant', model }
  if (stream !== true) {
    const content = [{ type: 'text', text: texts.join('') }]
    const ending = { stop_reason: 'end_turn', stop_sequence: null }
    const whole = { ...message, content, ...ending, usage: { input_tokens: 7, output_tokens: 3 } }
    return { chunks: [JSON.stringify(whole)] }
  }
  const events = [
    {
      type: 'message_start',
      message: { ...message, content: [], stop_reason: null, usage: { input_tokens: 7, output_tokens: 1 } },
    },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    ...texts.map((text) => ({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })),
    { type: 'content_block_stop', index: 0 },
    {
      type: 'message_delta',
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { output_tokens: 3 },
    },
    { type: 'message_stop' },
  ]
  return { chunks: events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`) }
}
