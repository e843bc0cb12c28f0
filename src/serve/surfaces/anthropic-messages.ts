import type { Surface } from '../../core/surface.ts'
import { anthropicUsage, contentOf, messageHead, stopOf } from './anthropic-answer.ts'
import { anthropicError, anthropicStatus } from './anthropic-error.ts'
import { anthropicRequest } from './anthropic-request.ts'
import { AnthropicWriter } from './anthropic-stream.ts'
import { answerOf } from './openai-answer.ts'

/** `POST /v1/messages`. */
export const anthropicMessages: Surface = {
  id: 'anthropic-messages',
  operation: 'chat',
  dialect: 'anthropic-messages',
  paths: ['/v1/messages'],
  contentType: { stream: 'text/event-stream; charset=utf-8', whole: 'application/json' },
  idHeader: 'request-id',
  heartbeat: 'event: ping\ndata: {"type":"ping"}\n\n',
  parse: (body, header) => anthropicRequest('chat', body, header),

  whole(events, facts) {
    const answer = answerOf(events)
    const { parts = [], finish: reason = 'stop', stopSequence } = answer.choices[0] ?? {}
    const refused = parts.some(({ type }) => type === 'refusal')
    const { content, untranslated } = contentOf(parts)
    return JSON.stringify({
      ...answer.rest,
      ...messageHead(answer, facts),
      content,
      ...stopOf({ reason, stopSequence, refused }),
      usage: anthropicUsage(answer.usage ?? {}),
      ...(untranslated.length > 0 && { untranslated }),
    })
  },

  stream: (facts) => new AnthropicWriter(facts),
  isUsageOnly: () => false,
  error: anthropicError,
  status: anthropicStatus,
}
