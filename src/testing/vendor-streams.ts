import type Anthropic from '@anthropic-ai/sdk'
import type { ChatCompletion, ChatCompletionChunk } from 'openai/resources/chat/completions'

import { geminiStreams } from './gemini-streams.ts'
import { ollamaStreams } from './ollama-streams.ts'
import { responsesStreams } from './vendor-responses.ts'
import { variantStreams } from './vendor-variants.ts'

/** An answer as a vendor documents it, typed by the vendor's own SDK; `fixtures/vendors.ts` prints it into a file. */
export interface VendorStream {
  /** Under `fixtures/streams`. */
  readonly file: string
  readonly source: string
  readonly text: string
}

const openAiSource = 'https://platform.openai.com/docs/api-reference/chat-streaming'
const vllmSource = 'https://docs.vllm.ai/en/latest/features/reasoning_outputs/'
const anthropicSource = 'https://platform.claude.com/docs/en/build-with-claude/streaming'

const chunk = {
  id: 'chatcmpl-A1',
  object: 'chat.completion.chunk',
  created: 1_790_000_000,
  model: 'gpt-5.2',
  service_tier: 'default',
  system_fingerprint: 'fp_44709d6fcb',
} as const

const openAiUsage = {
  prompt_tokens: 1117,
  completion_tokens: 46,
  total_tokens: 1163,
  prompt_tokens_details: { cached_tokens: 1024, audio_tokens: 0 },
  completion_tokens_details: {
    reasoning_tokens: 40,
    audio_tokens: 0,
    accepted_prediction_tokens: 0,
    rejected_prediction_tokens: 0,
  },
} satisfies ChatCompletionChunk['usage']

const delta = (
  content: ChatCompletionChunk.Choice.Delta,
  finish: ChatCompletionChunk.Choice['finish_reason'] = null,
): ChatCompletionChunk.Choice => ({ index: 0, delta: content, logprobs: null, finish_reason: finish })

/** `obfuscation` pads each chunk to hide the length of its text; the SDK's types leave it out. */
const openAiText = [
  {
    ...chunk,
    choices: [delta({ role: 'assistant', content: '', refusal: null })],
    usage: null,
    obfuscation: 'q7F',
  },
  { ...chunk, choices: [delta({ content: 'Grüß' })], usage: null, obfuscation: 'x' },
  { ...chunk, choices: [delta({ content: ' Gott' })], usage: null, obfuscation: 'Zk0a' },
  { ...chunk, choices: [delta({}, 'stop')], usage: null, obfuscation: 'p' },
  { ...chunk, choices: [], usage: openAiUsage, obfuscation: '' },
] satisfies (ChatCompletionChunk & { obfuscation: string })[]

const openAiTools = [
  {
    ...chunk,
    choices: [
      delta({
        role: 'assistant',
        content: null,
        tool_calls: [
          { index: 0, id: 'call_a', type: 'function', function: { name: 'get_weather', arguments: '' } },
        ],
      }),
    ],
  },
  { ...chunk, choices: [delta({ tool_calls: [{ index: 0, function: { arguments: '{"city"' } }] })] },
  { ...chunk, choices: [delta({ tool_calls: [{ index: 0, function: { arguments: ':"Köln"}' } }] })] },
  {
    ...chunk,
    choices: [
      delta({
        tool_calls: [
          { index: 1, id: 'call_b', type: 'function', function: { name: 'get_time', arguments: '' } },
        ],
      }),
    ],
  },
  { ...chunk, choices: [delta({ tool_calls: [{ index: 1, function: { arguments: '{}' } }] })] },
  { ...chunk, choices: [delta({}, 'tool_calls')] },
] satisfies ChatCompletionChunk[]

const openAiWhole = {
  id: 'chatcmpl-A2',
  object: 'chat.completion',
  created: 1_790_000_000,
  model: 'gpt-5.2',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: null, refusal: 'I can’t help with that.', annotations: [] },
      logprobs: null,
      finish_reason: 'stop',
    },
  ],
  usage: openAiUsage,
  service_tier: 'default',
  system_fingerprint: 'fp_44709d6fcb',
} satisfies ChatCompletion

/** vLLM's additions to OpenAI's chunks. */
type VllmChunk = Omit<ChatCompletionChunk, 'choices'> & {
  readonly choices: (Omit<ChatCompletionChunk.Choice, 'delta'> & {
    readonly delta: ChatCompletionChunk.Choice.Delta & { readonly reasoning?: string }
    readonly stop_reason?: string | number | null
  })[]
  readonly metrics?: Readonly<Record<string, number>>
}

const vllm = {
  id: 'chatcmpl-9b2d',
  object: 'chat.completion.chunk',
  created: 1_790_000_000,
  model: 'qwen3',
} as const

const vllmReasoning = [
  { ...vllm, choices: [delta({ role: 'assistant', content: '' })] },
  { ...vllm, choices: [{ ...delta({}), delta: { reasoning: '9.11 is' } }] },
  { ...vllm, choices: [{ ...delta({}), delta: { reasoning: ' less.' } }] },
  { ...vllm, choices: [delta({ content: '9.8' })] },
  { ...vllm, choices: [{ ...delta({ content: '' }, 'stop'), stop_reason: '</done>' }] },
  {
    ...vllm,
    choices: [],
    usage: { prompt_tokens: 21, completion_tokens: 9, total_tokens: 30 },
    metrics: { time_to_first_token_ms: 12.5, generation_time_ms: 80.25, queue_time_ms: 3, mean_itl_ms: 10 },
  },
] satisfies VllmChunk[]

const message = {
  id: 'msg_01A',
  type: 'message',
  role: 'assistant',
  model: 'claude-opus-4-8',
  content: [],
  container: null,
  diagnostics: null,
  stop_details: null,
  stop_reason: null,
  stop_sequence: null,
  usage: {
    input_tokens: 12,
    cache_creation_input_tokens: 100,
    cache_read_input_tokens: 900,
    cache_creation: { ephemeral_5m_input_tokens: 100, ephemeral_1h_input_tokens: 0 },
    inference_geo: null,
    output_tokens: 1,
    output_tokens_details: null,
    server_tool_use: null,
    service_tier: 'standard',
    speed: null,
  },
} satisfies Anthropic.Message

const deltaUsage = {
  input_tokens: 12,
  cache_creation_input_tokens: 100,
  cache_read_input_tokens: 900,
  output_tokens: 89,
  output_tokens_details: { thinking_tokens: 20 },
  server_tool_use: null,
} satisfies Anthropic.MessageDeltaUsage

const anthropicTools = [
  { type: 'message_start', message },
  {
    type: 'content_block_start',
    index: 0,
    content_block: { type: 'thinking', thinking: '', signature: '' },
  },
  {
    type: 'content_block_delta',
    index: 0,
    delta: { type: 'thinking_delta', thinking: 'The user wants' },
  },
  { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: ' both.' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'signature_delta', signature: 'EqQBCg==' } },
  { type: 'content_block_stop', index: 0 },
  { type: 'content_block_start', index: 1, content_block: { type: 'text', text: '', citations: null } },
  { type: 'ping' },
  { type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: 'Let me sée.' } },
  { type: 'content_block_stop', index: 1 },
  {
    type: 'content_block_start',
    index: 2,
    content_block: {
      type: 'tool_use',
      id: 'toolu_01',
      name: 'get_weather',
      input: {},
      caller: { type: 'direct' },
    },
  },
  { type: 'content_block_delta', index: 2, delta: { type: 'input_json_delta', partial_json: '' } },
  { type: 'content_block_delta', index: 2, delta: { type: 'input_json_delta', partial_json: '{"city": ' } },
  { type: 'content_block_delta', index: 2, delta: { type: 'input_json_delta', partial_json: '"Köln"}' } },
  { type: 'content_block_stop', index: 2 },
  {
    type: 'content_block_start',
    index: 3,
    content_block: {
      type: 'tool_use',
      id: 'toolu_02',
      name: 'get_time',
      input: {},
      caller: { type: 'direct' },
    },
  },
  { type: 'content_block_stop', index: 3 },
  {
    type: 'message_delta',
    delta: { stop_reason: 'tool_use', stop_sequence: null, container: null, stop_details: null },
    usage: deltaUsage,
  },
  { type: 'message_stop' },
] satisfies (Anthropic.RawMessageStreamEvent | { type: 'ping' })[]

const anthropicError = [
  { type: 'message_start', message },
  { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '', citations: null } },
  { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Once' } },
  { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } },
] satisfies (Anthropic.RawMessageStreamEvent | { type: 'error'; error: Anthropic.ErrorResponse['error'] })[]

const anthropicWhole = {
  ...message,
  id: 'msg_01B',
  content: [
    { type: 'thinking', thinking: 'Short.', signature: 'EqQBCg==' },
    { type: 'text', text: 'One, two', citations: null },
    { type: 'tool_use', id: 'toolu_03', name: 'go', input: { to: 'Köln' }, caller: { type: 'direct' } },
  ],
  stop_reason: 'stop_sequence',
  stop_sequence: ', three',
  usage: { ...message.usage, output_tokens: 30 },
} satisfies Anthropic.Message

const openAiLines = (chunks: readonly unknown[]): string =>
  [...chunks.map((each) => JSON.stringify(each)), '[DONE]'].map((data) => `data: ${data}\n\n`).join('')

const anthropicLines = (events: readonly { readonly type: string }[]): string =>
  events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join('')

export const vendorStreams: readonly VendorStream[] = [
  ...responsesStreams,
  ...variantStreams,
  ...ollamaStreams,
  ...geminiStreams,
  { file: 'openai/chat.sse', source: openAiSource, text: openAiLines(openAiText) },
  { file: 'openai/chat-tools.sse', source: openAiSource, text: openAiLines(openAiTools) },
  {
    file: 'openai/chat-refusal.json',
    source: 'https://platform.openai.com/docs/api-reference/chat/object',
    text: JSON.stringify(openAiWhole, undefined, 2),
  },
  { file: 'vllm/chat-reasoning.sse', source: vllmSource, text: openAiLines(vllmReasoning) },
  { file: 'anthropic/tools.sse', source: anthropicSource, text: anthropicLines(anthropicTools) },
  { file: 'anthropic/error.sse', source: anthropicSource, text: anthropicLines(anthropicError) },
  {
    file: 'anthropic/whole.json',
    source: 'https://platform.claude.com/docs/en/api/messages',
    text: JSON.stringify(anthropicWhole),
  },
]
