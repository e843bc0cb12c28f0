import { Failure, type FailureCode } from '../../core/failure.ts'

/**
 * What a client is told of a row that cannot be loaded. Where things stand on this machine is none of its business:
 * the failure itself, which may name paths, is the cause. Pure.
 */
export const loadFailure = (row: string, failure: Failure): Failure =>
  // It says nothing of its own, and its cause tells the log where it was thrown.
  failure.code === 'internal'
    ? failure
    : new Failure(failure.code, `${row} cannot be loaded: ${reasons[failure.code] ?? otherReason}.`, {
        cause: failure,
      })

const reasons: Readonly<Partial<Record<FailureCode, string>>> = {
  model_missing: 'a file of its model is not there',
  engine_missing: 'there is no engine',
  engine_unsupported: 'the engine does not run on this machine',
  config_invalid: 'the config of its row does not suit the engine',
}
const otherReason = 'its engine cannot be started'
