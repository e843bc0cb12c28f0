import type { Failure } from '../../core/failure.ts'
import type { Call } from './call.ts'

/**
 * Ends a call with a failure when its upstream is silent for too long. Only the time that somebody waits counts: a client
 * that reads slowly is not the upstream's fault. It has no timer, which would cost each chunk one: the gateway looks at
 * all calls now and then.
 */
export class Deadline {
  readonly #call: Call
  readonly #tick: () => number
  #leftMs = 0
  /** Undefined while nobody waits. */
  #since: number | undefined
  #failure: (() => Failure) | undefined

  constructor(call: Call, tick: () => number) {
    this.#call = call
    this.#tick = tick
  }

  /** So long may pass until the next event; counts from the next `resume`. */
  allow(ms: number, failure: () => Failure): void {
    this.#leftMs = ms
    this.#failure = failure
  }

  resume(): void {
    this.#since = this.#tick()
  }

  pause(): void {
    if (this.#since === undefined) return
    this.#leftMs = Math.max(0, this.#leftMs - (this.#tick() - this.#since))
    this.#since = undefined
  }

  /** Ends the call if its time is over. */
  look(): void {
    if (this.#since !== undefined && this.#tick() - this.#since >= this.#leftMs)
      this.#call.abort(this.#failure?.())
  }
}
