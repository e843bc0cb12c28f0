import type { ModelEvent } from '../../core/event.ts'
import { Failure } from '../../core/failure.ts'
import type { Surface } from '../../core/surface.ts'
import { openAiError } from './openai-error.ts'

/** What surfaces have in common whose answers are never streamed: the events are kept for the end. */
export const wholeOnly = (whole: Surface['whole'], error: Surface['error'] = openAiError) =>
  ({
    contentType: { stream: 'application/json', whole: 'application/json' },
    heartbeat: '',
    whole,
    stream(facts) {
      const events: ModelEvent[] = []
      return {
        write(event) {
          if (event.type === 'failure') return error(new Failure(event.code, event.facts), facts.requestId)
          events.push(event)
          return event.type === 'end' ? whole(events, facts) : ''
        },
      }
    },
    isUsageOnly: () => false,
    error,
  }) satisfies Partial<Surface>
