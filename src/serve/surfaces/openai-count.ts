import { Failure } from '../../core/failure.ts'
import type { Surface } from '../../core/surface.ts'
import { Fields } from './fields.ts'
import { chatPrompt } from './openai-chat-prompt.ts'
import { answerOf } from './openai-answer.ts'
import { openAiRequest, requireList, requireMessages } from './openai-request.ts'
import { responsesPrompt } from './openai-responses-prompt.ts'
import { wholeOnly } from './whole-only.ts'

/** How many tokens a body of chat completions (`messages`) or of Responses (`input`) would be. Never streams. */
export const openAiCount: Surface = {
  ...wholeOnly((events) => {
    const input = answerOf(events).usage?.input
    if (input === undefined) throw new Failure('upstream_invalid', 'The backend told no count.')
    return JSON.stringify({ object: 'response.input_tokens', input_tokens: input.tokens })
  }),
  id: 'openai-count',
  operation: 'count',
  dialect: 'openai-count',
  paths: ['/v1/responses/input_tokens', '/v1/chat/completions/input_tokens'],

  parse(body) {
    const fields = new Fields(body)
    const isChat = body.has('messages')
    if (isChat) requireMessages(body, fields)
    else requireList(body, fields, 'input', 'or text')
    const request = openAiRequest({
      operation: 'count',
      dialect: 'openai-count',
      body,
      fields,
      maxOutputTokens: undefined,
      prompt: () => (isChat ? chatPrompt(body) : responsesPrompt(body)),
    })
    return { ...request, stream: false, wantsUsage: false }
  },
}
