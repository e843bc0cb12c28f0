/** What a client can ask of a model. */
export const operations = ['chat', 'complete', 'embed', 'rerank', 'count'] as const
export type Operation = (typeof operations)[number]

/** Runs no model: the tokens that it tells were not consumed. */
export const isFree = (operation: Operation): boolean => operation === 'count'

/** The wire shapes that a surface and a backend may share. Same dialect on both sides: the bytes go out as they came. */
export const dialects = [
  'openai-chat',
  'openai-completions',
  'openai-embeddings',
  'openai-responses',
  'openai-count',
  'anthropic-messages',
  'anthropic-count',
  'ollama-chat',
  'ollama-generate',
  'ollama-embed',
  'ollama-embeddings',
  'gemini',
  'rerank',
  'infill',
  'tokenize',
  'detokenize',
] as const
export type Dialect = (typeof dialects)[number]
