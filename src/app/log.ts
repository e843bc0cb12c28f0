import { failures, type Failure } from '../core/failure.ts'
import type { Answerer } from '../serve/gateway/scope.ts'
import type { OnCircuit } from '../serve/gateway/upstreams.ts'

/** The calls of a pino logger that the program makes. */
export interface Log {
  /** The least that is written; a new config sets it. */
  level?: string
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
  error(facts: object, message: string): void
}

/** Names, codes and statuses only: messages carry what clients and upstreams wrote. */
export function logFailure(log: Log, failure: Failure, requestId: string, asked?: Answerer): void {
  const facts = factsOf(failure, requestId, asked)
  if (failure.code === 'internal')
    log.error({ ...facts, at: whereOf(failure.cause) }, 'a request failed inside inhouse')
  else if (failures[failure.code].status >= 500) log.warn(facts, 'a request failed')
  else log.info(facts, failure.code === 'client_left' ? 'a client left' : 'a request was refused')
}

/** A failed attempt of a call that goes on. */
export const logAttempt = (log: Log, failure: Failure, requestId: string, asked?: Answerer): void =>
  log.warn(factsOf(failure, requestId, asked), 'an attempt failed; another one follows')

/** Where a backend begins to rest, and where it is back. */
export const logCircuit =
  (log: Log): OnCircuit =>
  (backend, { model, opened }) => {
    const name = model.slice(0, longestName)
    if (opened === undefined) log.info({ backend, model: name }, 'a circuit closed: it answers again')
    else log.warn({ backend, model: name, code: opened }, 'a circuit opened: it rests after failures')
  }

/** Under a wildcard clients make up the names of models. */
const longestName = 200

function factsOf({ code, facts }: Failure, requestId: string, asked: Answerer | undefined): object {
  const { upstream, address } = facts
  return {
    requestId,
    code,
    ...(asked !== undefined && {
      row: asked.row,
      backend: asked.backend,
      model: asked.model.slice(0, longestName),
    }),
    ...(upstream !== undefined && { upstreamStatus: upstream.status }),
    ...(address !== undefined && { address }),
  }
}

/** The kind of an error and where it was thrown; its message could quote the request. */
const whereOf = (cause: unknown): string =>
  cause instanceof Error
    ? [cause.name, ...(cause.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))].join('\n')
    : typeof cause
