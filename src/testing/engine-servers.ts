import type { Transport } from '../core/send.ts'
import { abortSignalOf } from '../core/stop.ts'

/** What a program answers, by path: JSON, a text as it is, or what a function makes of the body, perhaps a whole answer. */
export type Answers = Readonly<Record<string, unknown>>

type Answering = (body: unknown) => unknown

/** A program on this machine that answers these paths, and 404 to all others; it counts what it was asked. */
export interface EngineServer extends Disposable {
  readonly url: string
  readonly port: number
  readonly asked: string[]
  answers: Answers
}

export function engineServer(answers: Answers, key?: { readonly value: string; readonly guards: RegExp }) {
  const asked: string[] = []
  const served: { answers: Answers } = { answers }
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: async (request) => {
      const { pathname, search } = new URL(request.url)
      asked.push(`${request.method} ${pathname}`)
      if (key?.guards.test(pathname) === true && !isKey(request.headers, key.value)) return refusal()
      const found = served.answers[pathname + search] ?? served.answers[pathname]
      const body: unknown = request.method === 'POST' ? await request.json() : undefined
      const answer = typeof found === 'function' ? (found as Answering)(body) : found
      if (answer === undefined) return Response.json({ detail: 'Not Found' }, { status: 404 })
      if (answer instanceof Response) return answer
      return typeof answer === 'string' ? new Response(answer) : Response.json(answer)
    },
  })
  return Object.assign(served, {
    url: `http://127.0.0.1:${server.port}`,
    port: server.port ?? 0,
    asked,
    [Symbol.dispose]: () => void server.stop(true),
  }) satisfies EngineServer
}

const isKey = (headers: Headers, value: string): boolean =>
  headers.get('authorization') === `Bearer ${value}` || headers.get('x-api-key') === value

const refusal = () => Response.json({ error: 'Unauthorized' }, { status: 401 })

const entry = (id: string, owner: string, more: object = {}) => ({
  object: 'list',
  data: [{ id, object: 'model', created: 1, owned_by: owner, ...more }],
})

/**
 * Programs by what they say of themselves without running a model, from their documentation as `docs/backends.md` has it.
 * LocalAI, SGLang and inhouse play Ollama, and each plays OpenAI.
 */
export const engineAnswers = {
  inhouse: {
    '/health': { status: 'ok', version: '0.1.0' },
    '/': 'Ollama is running',
    '/api/version': { version: '0.30.0' },
    '/v1/models': entry('small', 'here', { max_input_tokens: 4096, max_tokens: null }),
  },
  localai: {
    '/.well-known/localai.json': { version: 'v4.9.0', endpoints: {} },
    '/': 'Ollama is running',
    '/api/version': { version: '0.9.0' },
    '/version': { version: 'v4.9.0' },
    '/v1/models': entry('qwen3', 'localai'),
    '/v1/models/capabilities': {
      object: 'list',
      data: [
        { id: 'qwen3', object: 'model', capabilities: ['chat', 'tools', 'thinking'], context_size: 8192 },
        { id: 'nomic', object: 'model', capabilities: ['chat', 'embeddings'], context_size: 2048 },
        { id: 'bge', object: 'model', capabilities: ['chat', 'rerank'], context_size: 2048 },
        { id: 'fresh', object: 'model', capabilities: ['chat'], context_size: 2048 },
        { id: 'loose.gguf', object: 'model', capabilities: null },
      ],
    },
  },
  'lm-studio': {
    '/api/v1/models': {
      models: [
        {
          type: 'llm',
          key: 'qwen/qwen3.5-9b',
          architecture: 'qwen35',
          quantization: { name: 'Q4_K_M', bits_per_weight: 4 },
          size_bytes: 6_548_927_017,
          loaded_instances: [{ id: 'qwen/qwen3.5-9b', config: { context_length: 4096 } }],
          max_context_length: 262_144,
          capabilities: { vision: true, trained_for_tool_use: true },
        },
        {
          type: 'embedding',
          key: 'nomic',
          architecture: 'nomic-bert',
          loaded_instances: [],
          max_context_length: 2048,
        },
      ],
    },
    '/v1/models': entry('qwen/qwen3.5-9b', 'organization_owner'),
  },
  'llama-server': {
    '/props': {
      total_slots: 4,
      build_info: 'b10488-abc',
      model_ftype: 'Q4_1',
      chat_template: '{{ messages }}',
      chat_template_caps: {
        supports_tools: true,
        supports_tool_calls: true,
        supports_reasoning_effort: false,
      },
      modalities: { vision: true, audio: false },
      default_generation_settings: { n_ctx: 8192 },
    },
    '/v1/models': entry('m.gguf', 'llamacpp', {
      meta: { n_ctx_train: 32_768, n_params: 1000, size: 500, n_embd: 64 },
    }),
  },
  tgi: {
    '/info': {
      router: 'text-generation-router',
      version: '3.3.7',
      model_id: 'org/model',
      max_input_tokens: 4095,
      max_total_tokens: 4096,
    },
    '/v1/models': entry('org/model', 'org/model'),
  },
  sglang: {
    '/': 'Ollama is running',
    '/api/version': { version: '0.12.0' },
    '/model_info': { model_path: 'org/model', is_generation: true, has_image_understanding: false },
    '/server_info': {
      version: '0.5.23',
      tp_size: 1,
      tool_call_parser: 'qwen25',
      reasoning_parser: null,
      quantization: 'fp8',
    },
    '/v1/models': entry('org/model', 'sglang', { max_model_len: 40_960 }),
  },
  vllm: {
    '/version': { version: '0.30.1' },
    '/metrics': 'vllm:num_requests_running{model_name="m"} 0.0\n',
    '/v1/models': entry('org/model', 'vllm', { root: 'org/model', max_model_len: 2048 }),
  },
  ollama: {
    '/': 'Ollama is running',
    '/api/version': { version: '0.17.0' },
    '/v1/models': entry('qwen3:8b', 'library'),
    '/api/tags': {
      models: [
        { name: 'qwen3:8b', model: 'qwen3:8b', size: 5_000, digest: 'ab', details: {} },
        {
          name: 'big:cloud',
          model: 'big:cloud',
          size: 1,
          digest: 'cd',
          remote_host: 'https://ollama.com:443',
        },
      ],
    },
    '/api/show': ({ model }: { readonly model: string }) =>
      model === 'qwen3:8b'
        ? {
            capabilities: ['completion', 'tools', 'thinking'],
            details: { family: 'qwen3', quantization_level: 'Q4_K_M' },
            model_info: { 'general.architecture': 'qwen3', 'qwen3.context_length': 40_960 },
            parameters: 'num_ctx 16384',
          }
        : { remote_host: 'https://ollama.com:443', remote_model: 'big' },
  },
  'openai-compatible': { '/v1/models': entry('m', 'somebody', { context_length: 1234 }) },
} as const satisfies Readonly<Record<string, Answers>>

/** The wire without the machinery. */
export const fetchTransport: Transport = async (call) => {
  const response = await fetch(call.url, {
    method: call.method,
    headers: call.headers,
    ...(call.body !== undefined && { body: call.body as Uint8Array<ArrayBuffer> }),
    redirect: 'manual',
    signal: abortSignalOf(call.signal),
    proxy: false,
  } as RequestInit)
  const bytes = await response.bytes()
  let isRead = false
  return {
    status: response.status,
    header: (name) => response.headers.get(name) ?? undefined,
    body: {
      read: () => {
        const piece = isRead ? undefined : bytes
        isRead = true
        return Promise.resolve(piece)
      },
      all: () => Promise.resolve(bytes),
      cancel: () => undefined,
    },
  }
}
