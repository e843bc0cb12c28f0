import type { Surface } from '../../core/surface.ts'
import { openAiChat } from './openai-chat.ts'
import { openAiCompletions } from './openai-completions.ts'
import { openAiEmbeddings } from './openai-embeddings.ts'

/** Every dialect that clients may speak; a new one is its file and its line here. */
export const surfaces = [
  openAiChat,
  openAiCompletions,
  openAiEmbeddings,
] as const satisfies readonly Surface[]
