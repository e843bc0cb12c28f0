import { Failure } from '../core/failure.ts'
import type { Stop } from '../core/stop.ts'

/** Why a fired signal ended a call: the Failure it was fired with (a deadline), else that nobody waits any more. */
export const abortFailure = (signal: Stop): Failure =>
  signal.reason instanceof Failure
    ? signal.reason
    : new Failure('client_left', 'The call was stopped before its answer was complete.')
