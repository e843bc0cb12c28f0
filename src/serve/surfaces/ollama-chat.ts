import type { ChatPrompt } from '../../core/request.ts'
import type { Surface } from '../../core/surface.ts'
import type { Work } from '../../core/turns.ts'
import { Fields, compact } from './fields.ts'
import { ollamaAnswers, type Said } from './ollama-answer.ts'
import { ollamaMessages } from './ollama-messages.ts'
import { ollamaSampling, thinkingAndFormat } from './ollama-options.ts'
import { ollamaRequest } from './ollama-request.ts'
import { tools } from './openai-chat-prompt.ts'
import { requireList } from './openai-request.ts'

/** `POST /api/chat`. */
export const ollamaChat: Surface = {
  id: 'ollama-chat',
  operation: 'chat',
  dialect: 'ollama-chat',
  paths: ['/api/chat'],
  ...ollamaAnswers(face),

  parse(body) {
    // None at all loads the model.
    const type = body.typeOf('messages')
    if (type !== undefined && type !== 'null') requireList(body, new Fields(body), 'messages')
    return ollamaRequest({ operation: 'chat', dialect: 'ollama-chat', body, prompt: chatPrompt })
  },
}

function* chatPrompt(fields: Fields, rest: Record<string, unknown>): Work<ChatPrompt> {
  return compact<ChatPrompt>({
    kind: 'chat',
    ...(yield* ollamaSampling(fields, rest)),
    messages: yield* ollamaMessages(fields, rest),
    tools: yield* tools(fields, rest),
    ...thinkingAndFormat(fields),
    rest,
  })
}

function face({ text = '', thinking, calls, untranslated }: Said) {
  return {
    message: {
      role: 'assistant',
      content: text,
      ...(thinking !== undefined && { thinking }),
      ...(calls !== undefined && { tool_calls: calls }),
      ...(untranslated !== undefined && { untranslated }),
    },
  }
}
