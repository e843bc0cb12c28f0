import { asFailure, type Failure, type FailureCode } from '../core/failure.ts'
import type { Paint } from './print.ts'

/** What the caller wrote was wrong, and the same words will be wrong again. */
const wrongUsage: ReadonlySet<FailureCode> = new Set([
  'usage_wrong',
  'config_invalid',
  'config_missing',
  'source_unknown',
  'bad_request',
  'listen_failed',
])

/** 1: failed; 2: wrong usage or config. */
export const exitCodeOf = ({ code }: Failure): 1 | 2 => (wrongUsage.has(code) ? 2 : 1)

/** What `--json` prints of a failure. A broken config has its mistakes one by one. */
export const failureJson = (failure: Failure) => ({
  error: {
    code: failure.code,
    message: failure.message,
    help: failure.help,
    ...('problems' in failure && { problems: failure.problems }),
  },
})

/** `inhouse: what happened`, and below it what to do. A mistake of ours also shows where it happened. */
export const failureText = (thrown: unknown, paint: Paint): string => {
  const failure = asFailure(thrown)
  const origin = failure.code === 'internal' ? `${paint.dim(originOf(failure.cause ?? failure))}\n` : ''
  // Mistakes told one by one each say what is allowed.
  const help = 'problems' in failure ? '' : `${paint.dim('→')} ${failure.help}\n`
  return `${paint.red('inhouse:')} ${failure.message}\n${origin}${help}`
}

const originOf = (thrown: unknown): string =>
  thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
