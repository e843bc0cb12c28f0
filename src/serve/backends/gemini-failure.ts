import type { ModelEvent } from '../../core/event.ts'
import { Failure } from '../../core/failure.ts'
import { failureInBody, retryAfterIn, upstreamFailure } from './upstream-failure.ts'

interface RawError {
  readonly details?: readonly { readonly retryDelay?: string; readonly reason?: string }[]
  readonly message?: string
}

/** What a non-2xx reply of Gemini means: `{error: {code, message, status, details}}`, with the time to wait among the details. */
export function geminiFailure(
  status: number,
  retryAfter: string | undefined,
  body: Uint8Array,
  now: number,
): Failure {
  const error = errorIn(decoder.decode(body))
  const failure = upstreamFailure(status, retryAfter ?? retryDelayOf(error), body, now)
  // A key that is wrong is a bad request here, and so is a country.
  if (saysKey(error)) return new Failure('upstream_auth', `The backend answered with status ${status}.`)
  if (status === 400 && /location is not supported/i.test(error.message ?? '')) {
    return new Failure('upstream_forbidden', failure.facts)
  }
  return failure
}

/** An error that came under HTTP 200. */
export function geminiFailureIn(text: string, error: unknown): ModelEvent {
  const event = failureInBody(text, error)
  const retryAfterMs = retryAfterIn(retryDelayOf(error as RawError), 0)
  if (event.type !== 'failure' || retryAfterMs === undefined) return event
  return { ...event, facts: { ...event.facts, retryAfterMs } }
}

/** `google.rpc.RetryInfo`: seconds, as `34.5s`. */
const retryDelayOf = ({ details }: RawError): string | undefined =>
  listOf(details).find(({ retryDelay }) => typeof retryDelay === 'string')?.retryDelay

const saysKey = ({ details }: RawError): boolean =>
  listOf(details).some(({ reason }) => reason === 'API_KEY_INVALID')

const listOf = (details: RawError['details']): NonNullable<RawError['details']> =>
  Array.isArray(details) ? details.filter((detail) => typeof detail === 'object' && detail !== null) : []

function errorIn(text: string): RawError {
  try {
    const value: unknown = JSON.parse(text)
    const [only] = Array.isArray(value) ? (value as unknown[]) : [value]
    const { error } = (only ?? {}) as { error?: unknown }
    return typeof error === 'object' && error !== null ? error : {}
  } catch {
    return {}
  }
}

const decoder = new TextDecoder()
