import type { Surface } from '../../core/surface.ts'
import { openaiChat } from './openai-chat.ts'
import { openaiCompletions } from './openai-completions.ts'
import { openaiEmbeddings } from './openai-embeddings.ts'

/** Every dialect that clients may speak; a new one is its file and its line here. */
export const surfaces = [
  openaiChat,
  openaiCompletions,
  openaiEmbeddings,
] as const satisfies readonly Surface[]
