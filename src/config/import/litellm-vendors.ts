/** How LiteLLM’s name of a provider is said here. */
export interface Vendor {
  /** The kind of backend; with an address of its own, the second. */
  readonly kind: string
  readonly kindAt?: string
  /** Of a vendor that is no kind of its own. */
  readonly url?: string
  /** What LiteLLM reads the key from where none is given; none for engines. */
  readonly keyEnv?: string
  /** It is nowhere without an address. */
  readonly needsUrl?: true
}

const vendor = (url: string, keyEnv: string): Vendor => ({ kind: 'openai-compatible', url, keyEnv })
const engine = (kind: string): Vendor => ({ kind })
const server: Vendor = { kind: 'openai-compatible', needsUrl: true }

export const vendors: ReadonlyMap<string, Vendor> = new Map<string, Vendor>([
  ['openai', { kind: 'openai', kindAt: 'openai-compatible', keyEnv: 'OPENAI_API_KEY' }],
  ['text-completion-openai', { kind: 'openai', kindAt: 'openai-compatible', keyEnv: 'OPENAI_API_KEY' }],
  ['azure', { kind: 'azure', keyEnv: 'AZURE_API_KEY', needsUrl: true }],
  ['anthropic', { kind: 'anthropic', keyEnv: 'ANTHROPIC_API_KEY' }],
  ['gemini', { kind: 'gemini', keyEnv: 'GEMINI_API_KEY' }],
  ['together_ai', { kind: 'together', keyEnv: 'TOGETHERAI_API_KEY' }],
  ['openrouter', { kind: 'openrouter', keyEnv: 'OPENROUTER_API_KEY' }],
  ['ollama', engine('ollama')],
  ['ollama_chat', engine('ollama')],
  ['hosted_vllm', { kind: 'vllm', needsUrl: true }],
  ['lm_studio', { kind: 'lm-studio', needsUrl: true }],
  ['huggingface', { kind: 'tgi', needsUrl: true }],
  ['openai_like', server],
  ['custom_openai', server],
  ['llamafile', server],
  ['litellm_proxy', server],
  ['xinference', server],
  ['groq', vendor('https://api.groq.com/openai/v1', 'GROQ_API_KEY')],
  ['mistral', vendor('https://api.mistral.ai/v1', 'MISTRAL_API_KEY')],
  ['deepseek', vendor('https://api.deepseek.com/v1', 'DEEPSEEK_API_KEY')],
  ['xai', vendor('https://api.x.ai/v1', 'XAI_API_KEY')],
  ['fireworks_ai', vendor('https://api.fireworks.ai/inference/v1', 'FIREWORKS_AI_API_KEY')],
])

/** As LiteLLM finds the provider of a name without one. */
export const providerOfName = (name: string): string | undefined => {
  if (/^(?:gpt-|chatgpt-|o\d|text-embedding-)/.test(name)) return 'openai'
  return name.startsWith('claude-') ? 'anthropic' : undefined
}
