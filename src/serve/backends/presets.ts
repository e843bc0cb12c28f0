import type { Operation } from '../../core/operation.ts'
import type { Counting } from './count-call.ts'
import type { QuirkName } from './quirks.ts'

/** An engine or vendor that speaks OpenAI's dialect: one row. */
export interface Preset {
  readonly id: string
  /** What it is, in one line. */
  readonly about: string
  /** Used where the row gives none. */
  readonly url?: string
  /** An engine runs where its address says; a vendor is a third party wherever its address points. */
  readonly run: 'engine' | 'vendor' | 'unknown'
  /** Calls at once where the row says nothing. */
  readonly concurrency: number
  readonly operations: readonly Operation[]
  /** What says that it lives, without running a model. Beside the API, or under it. */
  readonly probe: { readonly beside: string } | { readonly under: string }
  /** Header that takes the key; left out: `authorization: Bearer`. */
  readonly keyHeader?: string
  /** Names of the output limit that it reads, the one to write first. */
  readonly outputLimit: readonly ('max_tokens' | 'max_completion_tokens' | 'n_predict')[]
  /** Reads `top_k`, which OpenAI itself refuses. */
  readonly readsTopK: boolean
  /** Gives several answers (`n`). */
  readonly manyChoices: boolean
  /** Gives vectors as base64 when asked. */
  readonly base64: boolean
  /** Does not keep to `tool_choice`, but to a schema: calls that must come are asked for by one. */
  readonly bindsCalls?: true
  /** Fills in text up to a suffix by a way of its own (`/infill`), and reads no `suffix` elsewhere. */
  readonly infills?: true
  /** Gives thoughts as signed `reasoning_details`, and wants them back. */
  readonly reasoningDetails?: true
  /** Speaks `/responses` itself, so that its clients are handed on. */
  readonly responses?: true
  /** How it counts tokens, where it does (`count`). */
  readonly counting?: Counting
  readonly quirks?: readonly QuirkName[]
  /** Sent with every call. */
  readonly headers?: Readonly<Record<string, string>>
}

const engine = {
  run: 'engine',
  operations: ['chat', 'complete', 'embed'],
  probe: { under: '/models' },
  outputLimit: ['max_tokens', 'max_completion_tokens'],
  readsTopK: true,
  manyChoices: true,
  base64: true,
} as const satisfies Partial<Preset>

const vendor = {
  run: 'vendor',
  concurrency: 256,
  operations: ['chat', 'complete', 'embed'],
  probe: { under: '/models' },
  outputLimit: ['max_completion_tokens', 'max_tokens'],
  readsTopK: false,
  manyChoices: true,
  base64: true,
} as const satisfies Partial<Preset>

const besideHealth = { beside: '/health' } as const

/** What an engine of ours may be able to do; each preset says what it is. */
export const allOperations = ['chat', 'complete', 'embed', 'rerank', 'count'] as const

/** vLLM's own, and SGLang's after it. */
const vllmCounting = {
  chat: { path: '/tokenize', as: 'chat' },
  tokenize: { path: '/tokenize', field: 'prompt' },
  detokenize: { path: '/detokenize' },
} as const satisfies Counting

/** OpenAI's, which counts a chat in the words of Responses. */
const openAiCounting = {
  chat: { path: '/v1/responses/input_tokens', as: 'responses' },
} as const satisfies Counting

/** The plain kind: nothing is known, so nothing is changed that need not be. */
export const plain: Preset = {
  ...engine,
  id: 'openai-compatible',
  about: 'Anything that speaks OpenAI’s dialect.',
  run: 'unknown',
  concurrency: 64,
}

/** One row each; a row’s id is also a `kind`. */
export const presets: readonly Preset[] = [
  {
    ...engine,
    id: 'vllm',
    about: 'vLLM',
    url: 'http://127.0.0.1:8000/v1',
    concurrency: 256,
    operations: allOperations,
    probe: besideHealth,
    counting: vllmCounting,
    quirks: ['no-suffix'],
  },
  {
    ...engine,
    id: 'tgi',
    about: 'Hugging Face text-generation-inference (in maintenance since 2025)',
    concurrency: 128,
    operations: ['chat', 'complete', 'count'],
    probe: besideHealth,
    manyChoices: false,
    counting: {
      chat: { path: '/chat_tokenize', as: 'chat' },
      tokenize: { path: '/tokenize', field: 'inputs' },
    },
    quirks: ['no-suffix', 'stop-list', 'no-zero-presence-penalty', 'top-logprobs-to-5', 'tools-or-format'],
  },
  {
    ...engine,
    id: 'lm-studio',
    about: 'LM Studio',
    url: 'http://127.0.0.1:1234/v1',
    concurrency: 4,
    manyChoices: false,
    base64: false,
  },
  {
    ...engine,
    id: 'localai',
    about: 'LocalAI',
    url: 'http://127.0.0.1:8080/v1',
    concurrency: 16,
    operations: allOperations,
    probe: { beside: '/readyz' },
    counting: {
      tokenize: { path: '/v1/tokenize', field: 'content' },
      detokenize: { path: '/v1/detokenize' },
    },
    outputLimit: ['max_completion_tokens', 'max_tokens'],
    headers: { 'extra-usage': 'true' },
  },
  {
    ...engine,
    id: 'sglang',
    about: 'SGLang',
    url: 'http://127.0.0.1:30000/v1',
    concurrency: 256,
    operations: allOperations,
    probe: besideHealth,
    base64: false,
    counting: vllmCounting,
  },
  {
    ...engine,
    id: 'llama-server',
    about: 'llama.cpp’s own server',
    url: 'http://127.0.0.1:8080/v1',
    concurrency: 16,
    operations: allOperations,
    probe: besideHealth,
    // It prefers `n_predict`, which clients of its own interface send.
    outputLimit: ['max_tokens', 'max_completion_tokens', 'n_predict'],
    bindsCalls: true,
    infills: true,
    counting: {
      chat: { path: '/v1/chat/completions/input_tokens', as: 'chat' },
      tokenize: { path: '/tokenize', field: 'content' },
      detokenize: { path: '/detokenize' },
    },
    quirks: ['no-dimensions'],
  },
  {
    ...engine,
    id: 'mlx-lm',
    about: 'MLX-LM’s server',
    url: 'http://127.0.0.1:8080/v1',
    concurrency: 8,
    operations: ['chat', 'complete'],
    probe: besideHealth,
    outputLimit: ['max_completion_tokens', 'max_tokens'],
    manyChoices: false,
    base64: false,
    quirks: ['no-suffix', 'no-format', 'no-tool-choice', 'logprobs-yes-or-no'],
  },
  {
    ...vendor,
    id: 'openai',
    about: 'OpenAI',
    url: 'https://api.openai.com/v1',
    operations: ['chat', 'complete', 'embed', 'count'],
    responses: true,
    counting: openAiCounting,
  },
  {
    ...vendor,
    id: 'azure',
    about: 'Azure OpenAI; `model` is the name of the deployment, or one that `deployments` leads to it',
    responses: true,
    keyHeader: 'api-key',
  },
  {
    ...vendor,
    id: 'gemini-openai',
    about: 'Google Gemini, its OpenAI face',
    url: 'https://generativelanguage.googleapis.com/v1beta/openai',
    operations: ['chat', 'embed'],
    outputLimit: ['max_tokens', 'max_completion_tokens'],
    base64: false,
  },
  {
    ...vendor,
    id: 'together',
    about: 'Together',
    url: 'https://api.together.ai/v1',
    outputLimit: ['max_tokens'],
    readsTopK: true,
    base64: false,
    quirks: ['stop-list', 'logprobs-integer', 'say-when-too-long'],
  },
  {
    ...vendor,
    id: 'openrouter',
    about: 'OpenRouter',
    url: 'https://openrouter.ai/api/v1',
    outputLimit: ['max_tokens', 'max_completion_tokens'],
    readsTopK: true,
    manyChoices: false,
    reasoningDetails: true,
  },
]
