import type { Target } from '../../core/backend.ts'
import type { Attempt } from '../../core/decision.ts'
import { Failure, asFailure } from '../../core/failure.ts'
import type { ModelRequest } from '../../core/request.ts'
import { attempt, nameOnly, type Answer } from './attempt.ts'
import { afterFailure } from './retry.ts'
import type { Answerer, RequestScope } from './scope.ts'
import type { GatewaySettings } from './settings.ts'
import type { Upstreams } from './upstreams.ts'

/**
 * Asks the targets in order until one begins to answer. A failure before the first event goes to the next target, or to
 * the same again after a wait when it is the last. Throws the last `Failure` that came from an upstream.
 */
export async function firstAnswer(
  targets: readonly Target[],
  request: ModelRequest,
  upstreams: Upstreams,
  scope: RequestScope,
  settings: GatewaySettings,
): Promise<Answer> {
  let at = 0
  let tries = 0
  let cause: { readonly failure: Failure; readonly from: Answerer } | undefined
  for (;;) {
    const target = targets[at]
    if (target === undefined) throw new Failure('no_target', 'There is no target to ask.')
    const upstream = upstreams.get(target.backend)
    const place = upstream.backend.place.name
    const asked = { row: target.row, backend: target.backend, model: target.model, place }
    scope.answerer = asked
    const from = scope.tookMs
    const queuedFrom = scope.queueMs
    const note = (outcome: Attempt['outcome'], failure?: Failure): void => {
      const noted: { -readonly [K in keyof Attempt]: Attempt[K] } = {
        ...asked,
        outcome,
        queueMs: scope.queueMs - queuedFrom,
        tookMs: scope.tookMs - from,
      }
      if (failure !== undefined) noted.failure = failure.code
      if (failure?.facts.upstream !== undefined) noted.status = failure.facts.upstream.status
      if (failure?.facts.address !== undefined) noted.address = failure.facts.address
      scope.attempts.push(noted)
    }
    tries++
    try {
      const answer = await attempt(target, request, upstream, scope, settings)
      note('answered')
      return answer
    } catch (thrown) {
      const failure = nameOnly(asFailure(thrown), target.backend)
      note(failure.code === 'client_left' ? 'left' : 'failed', failure)
      scope.release()
      // That a circuit opened meanwhile says nothing of what went wrong.
      if (failure.code !== 'circuit_open' || cause === undefined) cause = { failure, from: asked }
      const step = afterFailure(failure, tries, at + 1 < targets.length, settings.retries)
      if (scope.isOver || step.do === 'stop') {
        scope.answerer = cause.from
        throw cause.failure
      }
      scope.triesAgain(failure)
      if (step.do === 'next') {
        at++
        tries = 0
      } else await pause(step.afterMs, scope)
    }
  }
}

/** Waits, but not for a client that has left. */
async function pause(ms: number, scope: RequestScope): Promise<void> {
  const signal = scope.beginCall()
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(resolve, ms)
    const left = (): void => {
      clearTimeout(timer)
      reject(asFailure(signal.reason))
    }
    signal.addEventListener('abort', left)
    if (signal.aborted) left()
  })
}
