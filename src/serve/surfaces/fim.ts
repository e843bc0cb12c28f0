import type { Surface } from '../../core/surface.ts'
import { openAiChat } from './openai-chat.ts'
import { openAiCompletions } from './openai-completions.ts'

/** `POST /v1/fim/completions`, as Mistral has it and Continue asks it: a completion with `suffix`, answered as a chat. */
export const fim: Surface = {
  ...openAiChat,
  id: 'fim',
  operation: 'complete',
  paths: ['/v1/fim/completions'],
  parse: (body, header) => ({ ...openAiCompletions.parse(body, header), dialect: 'openai-chat' }),
}
