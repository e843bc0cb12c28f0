/** What a model file says of itself. All of it is the author's claim; none of it is trusted for safety. */
export interface ModelFacts {
  readonly format: 'gguf' | 'safetensors'
  /** `llama`, `qwen3` …; GGUF only. */
  readonly architecture?: string
  readonly name?: string
  /** Number of weights. */
  readonly parameters: number
  /** `Q4_K_M`, `BF16` … */
  readonly quantisation: string
  /** Tokens. */
  readonly contextLength?: number
  readonly embeddingLength?: number
  readonly layers?: number
  /** `gpt2`, `llama` …: the tokeniser's kind. */
  readonly tokenizer?: string
  readonly hasChatTemplate: boolean
  /** The template's text; GGUF only. */
  readonly chatTemplate?: string
  /** It has the tokens to fill in before a suffix; GGUF only. */
  readonly fillsIn?: boolean
  /** It is made for vectors and nothing else; GGUF only. */
  readonly onlyEmbeds?: boolean
  readonly tensors: number
  /** Bytes before the first weight. */
  readonly headerBytes: number
  /** Files that the model is split into, where more than one (GGUF). */
  readonly parts?: number
}
