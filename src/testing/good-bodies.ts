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
    'anthropic-count': messages.map(({ max_tokens: _, stream: __, ...body }) => body),
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
