import type Anthropic from '@anthropic-ai/sdk'
import type { ChatRequest, EmbeddingsRequest, EmbedRequest, GenerateRequest } from 'ollama'
import type { OpenAI } from 'openai'

import { contractCases } from './contract/cases.ts'
import { contractClients } from './contract/index.ts'
import { FakeModel } from './fake-model.ts'

type Body = Readonly<Record<string, unknown>>

/** By the id of a surface, bodies that its clients send: those of the contract's as they send them, others in their types. */
export async function goodBodies(): Promise<Readonly<Record<string, readonly Body[]>>> {
  const sent = await contractBodies()
  const {
    'anthropic-messages': messages = [],
    'openai-chat': chats = [],
    'openai-responses': responses = [],
  } = sent
  return {
    ...sent,
    'openai-chat': [...chats, fullChat],
    'openai-responses': [...responses, ...fullResponses],
    'anthropic-messages': [...messages, { ...fullMessages, temperature: 1, top_k: 5, top_p: 0.9 }],
    'anthropic-count': messages.map((body) => ({ ...body, max_tokens: undefined, stream: undefined })),
    'openai-count': [...chats, ...responses],
    'openai-completions': [
      {
        model: 'm',
        prompt: 'Once upon',
        max_tokens: 5,
        temperature: 0.5,
        stop: ['END'],
        logprobs: 2,
        seed: 1,
      } satisfies OpenAI.CompletionCreateParams,
      {
        model: 'm',
        prompt: ['a', 'b'],
        suffix: 'z',
        n: 2,
        echo: true,
        stream: true,
        stream_options: { include_usage: true },
      } satisfies OpenAI.CompletionCreateParams,
      {
        model: 'm',
        prompt: [[1, 2, 3]],
        logit_bias: { '50256': -100 },
      } satisfies OpenAI.CompletionCreateParams,
    ],
    'openai-embeddings': [
      { model: 'm', input: 'Hello', encoding_format: 'float', dimensions: 3 },
      { model: 'm', input: ['Hello', 'there'], encoding_format: 'base64', user: 'u' },
      { model: 'm', input: [[1, 2], [3]] },
    ] satisfies OpenAI.EmbeddingCreateParams[] as unknown as Body[],
    'ollama-chat': [
      ...(sent['ollama-chat'] ?? []),
      {
        model: 'm',
        messages: [{ role: 'user', content: 'Hi' }],
        keep_alive: '5m',
        think: true,
        logprobs: true,
        top_logprobs: 2,
        options: { temperature: 0.5, num_ctx: 2048, num_predict: 5, stop: ['END'], seed: 1, top_k: 3 },
      } satisfies Partial<ChatRequest>,
    ],
    'ollama-generate': [
      { model: 'm', prompt: 'Hello', system: 'Be brief.', images: ['iVBORw0KGgo='], stream: false },
      { model: 'm', prompt: 'a', suffix: 'z', options: { num_predict: 3 } },
      { model: 'm', prompt: 'a', raw: true, keep_alive: 0, format: '' },
      { model: 'm', prompt: '' },
    ] satisfies Partial<GenerateRequest>[],
    'ollama-embed': [
      { model: 'm', input: 'Hello', truncate: true, dimensions: 3 },
      { model: 'm', input: ['Hello', 'there'], options: { num_ctx: 64 }, keep_alive: '5m' },
    ] satisfies Partial<EmbedRequest>[],
    'ollama-embeddings': [
      { model: 'm', prompt: 'Hello', keep_alive: 5 },
    ] satisfies Partial<EmbeddingsRequest>[],
    // Jina's and Cohere's, and llama.cpp's: nobody has types for them.
    rerank: [
      { model: 'm', query: 'q', documents: ['a', 'b', 'c'], top_n: 2, return_documents: true },
      { model: 'm', query: 'q', documents: [{ text: 'a' }] },
    ],
    tokenize: [
      { model: 'm', content: 'Hello' },
      { model: 'm', prompt: 'Hello', add_special_tokens: true },
    ],
    detokenize: [{ model: 'm', tokens: [1, 2, 3] }],
    infill: [
      {
        model: 'm',
        input_prefix: 'a',
        input_suffix: 'z',
        n_predict: 3,
        input_extra: [{ filename: 'f', text: 't' }],
      },
      { model: 'm', input_prefix: 'a', input_suffix: 'z', prompt: 'b', stream: true, stop: ['END'] },
    ],
    fim: [
      { model: 'm', prompt: 'a', suffix: 'z', max_tokens: 5, stop: ['END'], random_seed: 1 },
      { model: 'm', prompt: 'a', stream: true },
    ],
  } satisfies Record<string, readonly Body[]>
}

/** With what the contract leaves out. */
const fullChat = {
  model: 'm',
  messages: [
    { role: 'developer', content: [{ type: 'text', text: 'Be brief.' }] },
    {
      role: 'user',
      name: 'Ada',
      content: [
        { type: 'text', text: 'What is this?' },
        { type: 'image_url', image_url: { url: 'https://example.org/a.png', detail: 'low' } },
        { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } },
        { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,AAAA' } },
      ],
    },
    { role: 'assistant', content: [{ type: 'refusal', refusal: 'No.' }], refusal: null },
    { role: 'user', content: 'Why?' },
  ],
  tools: [
    {
      type: 'function',
      function: { name: 'f', strict: true, parameters: { type: 'object', properties: {} } },
    },
    { type: 'custom', custom: { name: 'c', format: { type: 'text' } } },
  ],
  tool_choice: { type: 'function', function: { name: 'f' } },
  parallel_tool_calls: false,
  response_format: { type: 'json_object' },
  n: 2,
  logprobs: true,
  top_logprobs: 2,
  logit_bias: { '50256': -100 },
  frequency_penalty: 0.5,
  presence_penalty: 0.5,
  temperature: 0.5,
  top_p: 0.9,
  seed: 1,
  stop: ['END', 'STOP'],
  user: 'u',
  metadata: { a: 'b' },
  store: false,
  service_tier: 'auto',
  prediction: { type: 'content', content: 'Hello' },
  stream: true,
  stream_options: { include_usage: true },
} satisfies OpenAI.ChatCompletionCreateParams

const fullResponses = [
  {
    model: 'm',
    instructions: 'Be brief.',
    input: [
      { type: 'message', role: 'developer', content: [{ type: 'input_text', text: 'Be kind.' }] },
      {
        role: 'user',
        content: [{ type: 'input_file', filename: 'a.pdf', file_data: 'data:application/pdf;base64,AAAA' }],
      },
      {
        type: 'reasoning',
        id: 'rs_1',
        summary: [{ type: 'summary_text', text: 'They ask.' }],
        content: [{ type: 'reasoning_text', text: 'They ask why.' }],
        encrypted_content: 'AAAA',
      },
      { type: 'custom_tool_call', call_id: 'c1', name: 'c', input: 'text' },
      { type: 'custom_tool_call_output', call_id: 'c1', output: [{ type: 'input_text', text: 'done' }] },
      { type: 'message', role: 'user', content: 'Go on.' },
    ],
    tools: [
      { type: 'custom', name: 'c', format: { type: 'grammar', syntax: 'regex', definition: 'a+' } },
      { type: 'function', name: 'f', strict: true, parameters: { type: 'object', properties: {} } },
      { type: 'web_search' },
    ],
    tool_choice: { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'function', name: 'f' }] },
    include: ['reasoning.encrypted_content', 'message.output_text.logprobs'],
    reasoning: { effort: 'low', summary: 'auto' },
    text: { format: { type: 'json_object' }, verbosity: 'low' },
    metadata: { a: 'b' },
    top_logprobs: 2,
    truncation: 'auto',
    temperature: 0.5,
    top_p: 0.9,
    user: 'u',
  },
  { model: 'm', input: 'Hi', background: true, previous_response_id: 'resp_none' },
] satisfies OpenAI.Responses.ResponseCreateParams[]

const fullMessages = {
  model: 'm',
  max_tokens: 4096,
  system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral', ttl: '1h' } }],
  messages: [
    {
      role: 'user',
      content: [
        {
          type: 'document',
          title: 'A',
          citations: { enabled: true },
          source: { type: 'text', media_type: 'text/plain', data: 'a' },
        },
        { type: 'image', source: { type: 'url', url: 'https://example.org/a.png' } },
      ],
    },
    {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'They ask.', signature: 'c2ln' },
        { type: 'redacted_thinking', data: 'AAAA' },
        { type: 'tool_use', id: 't1', name: 'f', input: { a: 1 } },
      ],
    },
    {
      role: 'user',
      content: [
        {
          type: 'tool_result',
          tool_use_id: 't1',
          is_error: true,
          content: [{ type: 'text', text: 'broken' }],
        },
        { type: 'text', text: 'Again.' },
      ],
    },
  ],
  tools: [
    { name: 'f', description: 'A function', input_schema: { type: 'object', properties: {} }, strict: true },
    { type: 'web_search_20250305', name: 'web_search', max_uses: 2 },
  ],
  tool_choice: { type: 'tool', name: 'f', disable_parallel_tool_use: true },
  thinking: { type: 'enabled', budget_tokens: 1024 },
  output_config: { effort: 'low', format: { type: 'json_schema', schema: { type: 'object' } } },
  metadata: { user_id: 'u' },
  service_tier: 'auto',
  stop_sequences: ['END'],
  stream: true,
} satisfies Anthropic.MessageCreateParams

/** What the contract's clients send, caught on its way. */
async function contractBodies(): Promise<Record<string, Body[]>> {
  await using listener = await FakeModel.start(() => ({ status: 400, chunks: ['{"error":"caught"}'] }))
  const bodies: Record<string, Body[]> = {}
  for (const [surface, clientOf] of Object.entries(contractClients)) {
    const client = clientOf({ url: listener.url, key: 'k', model: 'm' })
    const from = listener.received.length
    for (const { ask, only } of contractCases) {
      const left = new AbortController().signal
      if (only !== 'stream') await client.whole(ask).catch(() => undefined)
      if (only !== 'whole') await client.stream(ask, () => undefined, left).catch(() => undefined)
    }
    bodies[surface] = listener.received.slice(from).map((request) => request.json())
  }
  return bodies
}
