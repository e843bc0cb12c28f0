import { Failure } from '../../core/failure.ts'
import type { Surface } from '../../core/surface.ts'
import { anthropicMessages } from './anthropic-messages.ts'
import { anthropicRequest } from './anthropic-request.ts'
import { answerOf } from './openai-answer.ts'

/** `POST /v1/messages/count_tokens`: how many tokens a Messages body would be. Never streamed. */
export const anthropicCount: Surface = {
  ...anthropicMessages,
  id: 'anthropic-count',
  operation: 'count',
  dialect: 'anthropic-count',
  paths: ['/v1/messages/count_tokens'],
  parse: (body, header) => anthropicRequest('count', body, header),

  whole(events) {
    const input = answerOf(events).usage?.input
    if (input === undefined) throw new Failure('upstream_invalid', 'The backend told no count.')
    return JSON.stringify({ input_tokens: input.tokens })
  },
}
