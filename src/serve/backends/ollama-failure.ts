import type { ModelEvent } from '../../core/event.ts'
import { Failure, type FailureCode } from '../../core/failure.ts'
import { failureInBody, upstreamFailure } from './upstream-failure.ts'

/** What a non-2xx reply of Ollama means: it has one text for all, and says most with 400 or 500. */
export function ollamaFailure(
  status: number,
  retryAfter: string | undefined,
  body: Uint8Array,
  now: number,
): Failure {
  const { code, facts } = upstreamFailure(status, retryAfter, body, now)
  // It says nothing at all where it does not like the host that it is called by.
  const help = status === 403 && body.length === 0 ? hostHelp : undefined
  return new Failure(codeOf(code, facts.message), { ...facts, ...(help !== undefined && { help }) })
}

/** An error line in a stream. */
export function ollamaFailureLine(line: string, error: unknown): ModelEvent {
  const event = failureInBody(line, error)
  return event.type === 'failure' ? { ...event, code: codeOf(event.code, event.facts.message) } : event
}

const codeOf = (code: FailureCode, text: string): FailureCode =>
  meanings.find(([pattern]) => pattern.test(text))?.[1] ?? code

const meanings = [
  [/exceeds? (?:the |the model.s )?(?:maximum )?context length|longer than the context/i, 'context_exceeded'],
  [/does not support|not supported (?:for|by) this model/i, 'unsupported'],
] as const satisfies readonly (readonly [RegExp, FailureCode])[]

const hostHelp =
  'An Ollama that listens on loopback refuses other host names than its machine’s: write its address (http://127.0.0.1:11434) as the backend’s `url`, or let it listen wider with OLLAMA_HOST.'
