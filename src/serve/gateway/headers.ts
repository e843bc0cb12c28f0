import type { Failure, FailureCode } from '../../core/failure.ts'
import type { Surface } from '../../core/surface.ts'
import type { RequestScope } from './scope.ts'

/** The answer's headers: what it is, and who answered and why. */
export function answerHeaders(
  contentType: string,
  { idHeader }: Surface,
  scope: RequestScope,
  warnings: readonly string[],
): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': contentType,
    'x-inhouse-request-id': scope.id,
    // Where OpenAI's clients look for it.
    'x-request-id': scope.id,
    'x-inhouse-label': scope.label,
  }
  if (idHeader !== undefined) headers[idHeader] = scope.id
  const { answerer } = scope
  // Before the first attempt has ended nobody knows who answers.
  if (answerer !== undefined && scope.attempts.length > 0) {
    headers['x-inhouse-backend'] = headerSafe(answerer.backend)
    headers['x-inhouse-model'] = headerSafe(answerer.model)
    headers['x-inhouse-decision'] = headerSafe(decisionLine(scope))
  }
  if (warnings.length > 0) headers['x-inhouse-warning'] = headerSafe(warnings.join('; '))
  return headers
}

/** A proxy in between would keep a stream back until it is whole, or until its own buffer is full. */
export const unbuffered = { 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no' } as const

/** What the client still sends would be read for nothing; and who is told that we stop should not come back to us. */
const closing: ReadonlySet<FailureCode> = new Set<FailureCode>(['slow_body', 'too_large', 'draining'])

/** The failure in the client's dialect, with the headers that tell a client when to come back. */
export function errorResponse(failure: Failure, surface: Surface, scope: RequestScope): Response {
  const headers = answerHeaders('application/json', surface, scope, [])
  if (closing.has(failure.code)) headers['connection'] = 'close'
  if (failure.status === 401) headers['www-authenticate'] = 'Bearer'
  const { retryAfterMs } = failure.facts
  if (retryAfterMs !== undefined) {
    headers['retry-after'] = String(Math.max(1, Math.ceil(retryAfterMs / 1000)))
    headers['retry-after-ms'] = String(Math.ceil(retryAfterMs))
  }
  const status = surface.status?.(failure) ?? failure.status
  return new Response(surface.error(failure, scope.id), { status, headers })
}

/** One line for people: who answers, why, and what was tried before. */
function decisionLine(scope: RequestScope): string {
  const { answerer, reasons, attempts } = scope
  let line = `${answerer?.row}@${answerer?.backend}`
  for (const reason of reasons) line += `; ${reason.text}`
  for (const { outcome, row, backend, failure } of attempts)
    if (outcome === 'failed') line += `; ${row}@${backend} failed: ${failure}`
  return line
}

/** Header values are visible ASCII; anything else becomes `?`. */
const headerSafe = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?').slice(0, 1000)
