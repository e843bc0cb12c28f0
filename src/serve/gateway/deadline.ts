import { Failure } from '../../core/failure.ts'
import type { Call } from './call.ts'
import type { RequestScope } from './scope.ts'

const texts = { first_event_timeout: 'sent nothing within', stalled: 'sent nothing more for' } as const

/**
 * Ends a call with a failure when its upstream is silent for too long. Only the time that somebody waits counts: a client
 * that reads slowly is not the upstream's fault. It has no timer, which would cost each chunk one: the gateway looks at
 * all calls now and then.
 */
export class Deadline {
  readonly #call: Call
  readonly #scope: RequestScope
  #ms = 0
  #leftMs = 0
  /** Undefined while nobody waits. */
  #since: number | undefined
  #code: keyof typeof texts = 'first_event_timeout'

  constructor(call: Call, scope: RequestScope) {
    this.#call = call
    this.#scope = scope
  }

  /** So long may pass until the next event; counts from the next `resume`. */
  allow(ms: number, code: keyof typeof texts): void {
    this.#ms = this.#leftMs = ms
    this.#code = code
  }

  resume(): void {
    this.#since = this.#scope.tookMs
  }

  pause(): void {
    if (this.#since === undefined) return
    this.#leftMs -= this.#scope.tookMs - this.#since
    this.#since = undefined
  }

  /** Ends the call if its time is over. */
  look(): void {
    if (this.#since === undefined || this.#scope.tookMs - this.#since < this.#leftMs) return
    const backend = this.#scope.answerer?.backend
    this.#call.abort(new Failure(this.#code, `${backend} ${texts[this.#code]} ${this.#ms} ms.`))
  }
}
