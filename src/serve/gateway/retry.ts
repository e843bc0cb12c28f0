import type { Failure, FailureCode } from '../../core/failure.ts'
import type { GatewaySettings } from './settings.ts'

export type NextStep =
  | { readonly do: 'next' }
  | { readonly do: 'again'; readonly afterMs: number }
  | { readonly do: 'stop' }

/** A second try at the same backend may meet a better moment. */
const passing: ReadonlySet<FailureCode> = new Set<FailureCode>([
  'connect_failed',
  'connect_timeout',
  'upstream_cut',
  'upstream_failed',
  'upstream_overloaded',
  'upstream_rate_limited',
])

/** What follows a failure before the first event: another target where there is one, else the same again after a wait. */
export function afterFailure(
  failure: Failure,
  tries: number,
  hasNext: boolean,
  settings: GatewaySettings['retries'],
): NextStep {
  if (!failure.canGoElsewhere) return { do: 'stop' }
  if (hasNext) return { do: 'next' }
  if (!passing.has(failure.code) || tries >= settings.attempts) return { do: 'stop' }
  const afterMs = Math.max(failure.facts.retryAfterMs ?? 0, settings.backoffMs * 2 ** (tries - 1))
  return afterMs > settings.maxWaitMs ? { do: 'stop' } : { do: 'again', afterMs }
}
