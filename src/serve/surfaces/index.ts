import type { Surface } from '../../core/surface.ts'
import { anthropicCount } from './anthropic-count.ts'
import { anthropicMessages } from './anthropic-messages.ts'
import { fim } from './fim.ts'
import { infill } from './infill.ts'
import { ollamaChat } from './ollama-chat.ts'
import { ollamaEmbed, ollamaEmbeddings } from './ollama-embed.ts'
import { ollamaGenerate } from './ollama-generate.ts'
import { openAiChat } from './openai-chat.ts'
import { openAiCompletions } from './openai-completions.ts'
import { openAiCount } from './openai-count.ts'
import { openAiEmbeddings } from './openai-embeddings.ts'
import { openAiResponses } from './openai-responses.ts'
import { rerank } from './rerank.ts'
import { detokenize, tokenize } from './tokenize.ts'

/** Every dialect that clients may speak; a new one is its file and its line here. */
export const surfaces = [
  anthropicMessages,
  anthropicCount,
  ollamaChat,
  ollamaGenerate,
  ollamaEmbed,
  ollamaEmbeddings,
  openAiChat,
  openAiCompletions,
  openAiEmbeddings,
  openAiResponses,
  openAiCount,
  rerank,
  tokenize,
  detokenize,
  infill,
  fim,
] as const satisfies readonly Surface[]
