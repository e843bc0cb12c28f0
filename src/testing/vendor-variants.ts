import type { ChatCompletion, ChatCompletionChunk } from 'openai/resources/chat/completions'

import type { VendorStream } from './vendor-streams.ts'

/** What vendors add to OpenAI's chat: their own documents say it, OpenAI's types the rest. */
type Variant = Omit<ChatCompletionChunk, 'choices' | 'usage'> & {
  readonly choices: (Omit<ChatCompletionChunk.Choice, 'delta' | 'finish_reason'> & {
    readonly delta: ChatCompletionChunk.Choice.Delta & {
      readonly reasoning?: string
      readonly reasoning_details?: readonly Readonly<Record<string, unknown>>[]
    }
    readonly finish_reason: ChatCompletionChunk.Choice['finish_reason'] | 'error'
    readonly native_finish_reason?: string | null
    readonly content_filter_results?: Readonly<Record<string, unknown>>
  })[]
  readonly provider?: string
  readonly prompt_filter_results?: readonly unknown[]
  readonly usage?:
    | (NonNullable<ChatCompletion['usage']> & {
        readonly cost?: number
        readonly is_byok?: boolean
        readonly cost_details?: Readonly<Record<string, unknown>>
        readonly timing_prompt_processing?: number
        readonly timing_token_generation?: number
      })
    | null
  readonly error?: Readonly<Record<string, unknown>>
}

type Choice = Variant['choices'][number]

const choice = (
  delta: Choice['delta'],
  finish: Choice['finish_reason'] = null,
  more: Partial<Choice> = {},
): Choice => ({ index: 0, delta, finish_reason: finish, logprobs: null, ...more })

const routed = {
  id: 'gen-1790000000-aB',
  object: 'chat.completion.chunk',
  created: 1_790_000_000,
  model: 'anthropic/claude-opus-4.8',
  provider: 'Anthropic',
} as const

const routedThought: Variant[] = [
  {
    ...routed,
    choices: [
      choice({
        role: 'assistant',
        content: '',
        reasoning: 'Both are',
        reasoning_details: [
          { type: 'reasoning.text', text: 'Both are', format: 'anthropic-claude-v1', index: 0 },
        ],
      }),
    ],
  },
  {
    ...routed,
    choices: [
      choice({
        content: '',
        reasoning_details: [
          { type: 'reasoning.text', signature: 'EqQBCg==', format: 'anthropic-claude-v1', index: 0 },
        ],
      }),
    ],
  },
  {
    ...routed,
    choices: [
      choice({
        content: '',
        reasoning_details: [
          {
            type: 'reasoning.encrypted',
            data: 'gAAAAA',
            id: 'rs_1',
            format: 'openai-responses-v1',
            index: 1,
          },
        ],
      }),
    ],
  },
  { ...routed, choices: [choice({ content: 'Right.' })] },
  { ...routed, choices: [choice({ content: '' }, 'stop', { native_finish_reason: 'end_turn' })] },
  {
    ...routed,
    choices: [choice({ role: 'assistant', content: '' })],
    usage: {
      prompt_tokens: 194,
      completion_tokens: 12,
      total_tokens: 206,
      cost: 0.000_952_5,
      is_byok: false,
      cost_details: { upstream_inference_cost: null },
      prompt_tokens_details: { cached_tokens: 100, audio_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 5 },
    },
  },
]

const routedError: Variant[] = [
  { ...routed, choices: [choice({ role: 'assistant', content: 'Once' })] },
  {
    ...routed,
    error: { code: 429, message: 'Provider returned error', metadata: { provider_name: 'Anthropic' } },
    choices: [choice({ content: '' }, 'error', { native_finish_reason: 'error' })],
  },
]

const azure = {
  id: 'chatcmpl-Az',
  object: 'chat.completion.chunk',
  created: 1_790_000_000,
  model: 'gpt-4.1-2025-04-14',
  system_fingerprint: 'fp_1',
} as const

const harmless = {
  hate: { filtered: false, severity: 'safe' },
  violence: { filtered: false, severity: 'safe' },
}

const azureFiltered: Variant[] = [
  {
    ...azure,
    id: '',
    model: '',
    created: 0,
    choices: [],
    prompt_filter_results: [{ prompt_index: 0, content_filter_results: harmless }],
  },
  { ...azure, choices: [choice({ role: 'assistant', content: '', refusal: null })] },
  { ...azure, choices: [choice({ content: 'To make' }, null, { content_filter_results: harmless })] },
  {
    ...azure,
    choices: [
      choice({}, 'content_filter', {
        content_filter_results: { ...harmless, violence: { filtered: true, severity: 'high' } },
      }),
    ],
  },
  {
    ...azure,
    choices: [],
    usage: { prompt_tokens: 12, completion_tokens: 2, total_tokens: 14 },
  },
]

const local = { ...azure, id: 'b1c2', model: 'qwen3' }

const localTimed: Variant[] = [
  { ...local, choices: [choice({ role: 'assistant', content: '' })] },
  { ...local, choices: [choice({ content: 'Hi' })] },
  { ...local, choices: [choice({}, 'stop')] },
  {
    ...local,
    choices: [],
    usage: {
      prompt_tokens: 9,
      completion_tokens: 1,
      total_tokens: 10,
      timing_prompt_processing: 41.5,
      timing_token_generation: 17.25,
    },
  },
]

/** OpenRouter keeps the connection alive with comments. */
const lines = (chunks: readonly Variant[], before = ''): string =>
  before +
  [...chunks.map((each) => JSON.stringify(each)), '[DONE]'].map((data) => `data: ${data}\n\n`).join('')

/** Vendors and engines that speak OpenAI's chat with words of their own. */
export const variantStreams: readonly VendorStream[] = [
  {
    file: 'openrouter/chat-reasoning.sse',
    source:
      'https://openrouter.ai/docs/use-cases/reasoning-tokens and https://openrouter.ai/docs/use-cases/usage-accounting',
    text: lines(routedThought, ': OPENROUTER PROCESSING\n\n'),
  },
  {
    file: 'openrouter/error.sse',
    source: 'https://openrouter.ai/docs/api-reference/errors',
    text: lines(routedError, ': OPENROUTER PROCESSING\n\n'),
  },
  {
    file: 'azure/chat-filtered.sse',
    source: 'https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter',
    text: lines(azureFiltered),
  },
  {
    file: 'localai/chat-timed.sse',
    source: 'https://localai.io/features/text-generation/ (header Extra-Usage)',
    text: lines(localTimed),
  },
]
