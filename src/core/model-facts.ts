/** What a model can do, as its engine or its file says. */
export const capabilities = [
  'chat',
  'complete',
  'embed',
  'rerank',
  'tools',
  'vision',
  'audio',
  'thinking',
  'insert',
] as const
export type Capability = (typeof capabilities)[number]

/** What is known of a model, read from its engine or its file, never guessed from its name. What nobody says is left out. */
export interface ModelFacts {
  readonly capabilities?: readonly Capability[]
  /** Tokens that one call may use here, prompt and answer together. */
  readonly context?: number
  /** Tokens that it was trained for. */
  readonly trainedContext?: number
  readonly maxOutput?: number
  /** As GGUF calls it: `llama`, `qwen3`, `gemma3` … */
  readonly architecture?: string
  /** How many weights. */
  readonly parameters?: number
  /** `Q4_K_M`, `F16`, `FP8` … */
  readonly quantization?: string
  readonly sizeBytes?: number
  /** `sha256:…` of its weights. */
  readonly digest?: string
  /** The chat template that it carries. */
  readonly template?: string
  /** Numbers in one vector. */
  readonly dimensions?: number
  /** The engine hands calls on to somebody else (Ollama's cloud models): whose host that is. */
  readonly remoteHost?: string
}
