import { failures, type Failure } from '../core/failure.ts'

/** The calls of a pino logger that the program makes. */
export interface Log {
  /** The least that is written; a new config sets it. */
  level?: string
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
  error(facts: object, message: string): void
}

/** Codes and statuses only: messages carry what clients and upstreams wrote. */
export function logFailure(log: Log, failure: Failure, requestId: string): void {
  const { status } = failure.facts.upstream ?? {}
  const facts = { requestId, code: failure.code, ...(status !== undefined && { upstreamStatus: status }) }
  if (failure.code === 'internal')
    log.error({ ...facts, at: whereOf(failure.cause) }, 'a request failed inside inhouse')
  else if (failures[failure.code].status >= 500) log.warn(facts, 'a request failed')
  else log.info(facts, failure.code === 'client_left' ? 'a client left' : 'a request was refused')
}

/** The kind of an error and where it was thrown; its message could quote the request. */
const whereOf = (cause: unknown): string =>
  cause instanceof Error
    ? [cause.name, ...(cause.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))].join('\n')
    : typeof cause
