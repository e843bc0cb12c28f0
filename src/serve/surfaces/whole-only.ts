import type { ModelEvent } from '../../core/event.ts'
import { Failure } from '../../core/failure.ts'
import type { Surface } from '../../core/surface.ts'
import { openAiError } from './openai-error.ts'

/** What surfaces of OpenAI's family have in common whose answers are never streamed. */
export const wholeOnly = (whole: Surface['whole']) =>
  ({
    contentType: { stream: 'application/json', whole: 'application/json' },
    heartbeat: '',
    whole,
    stream(facts) {
      const events: ModelEvent[] = []
      return {
        write(event) {
          if (event.type === 'failure')
            return openAiError(new Failure(event.code, event.facts), facts.requestId)
          events.push(event)
          return event.type === 'end' ? whole(events, facts) : ''
        },
      }
    },
    isUsageOnly: () => false,
    error: openAiError,
  }) satisfies Partial<Surface>
