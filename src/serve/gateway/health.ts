import type { Clock } from '../../core/clock.ts'
import type { FailureCode } from '../../core/failure.ts'
import type { Standing } from '../../core/route.ts'

interface State {
  failuresInRow: number
  /** Until when nobody is let through; 0 while closed. */
  openUntil: number
  /** One call tries whether the backend is back. */
  trying: boolean
}

/** Failures that speak against the backend itself, not against the request. */
const faults: ReadonlySet<FailureCode> = new Set<FailureCode>([
  'connect_failed',
  'connect_timeout',
  'first_event_timeout',
  'stalled',
  'upstream_cut',
  'upstream_invalid',
  'upstream_failed',
  'upstream_overloaded',
  'upstream_auth',
  'engine_failed',
])

/** The circuit breaker of one backend, fed by results and by the probe. After `openMs` one call may try. */
export class Health {
  readonly #clock: Clock
  readonly #settings: { readonly failuresToOpen: number; readonly openMs: number }
  readonly #state: State = { failuresInRow: 0, openUntil: 0, trying: false }

  constructor(clock: Clock, settings: { readonly failuresToOpen: number; readonly openMs: number }) {
    this.#clock = clock
    this.#settings = settings
  }

  get standing(): Standing {
    const { openUntil, trying } = this.#state
    return openUntil === 0 || (this.#clock.tick() >= openUntil && !trying) ? 'up' : 'resting'
  }

  /** Milliseconds until the next try may pass. */
  get restMs(): number {
    return Math.max(0, this.#state.openUntil - this.#clock.tick())
  }

  /** A call goes out now: if the circuit was open, it is the one that tries. */
  began(): void {
    if (this.#state.openUntil !== 0) this.#state.trying = true
  }

  /** The call was taken back before it said anything about the backend (the client left, no slot came free). */
  undecided(): void {
    this.#state.trying = false
  }

  succeeded(): void {
    this.#state.failuresInRow = 0
    this.#state.openUntil = 0
    this.#state.trying = false
  }

  failed(code: FailureCode): void {
    if (!faults.has(code)) {
      if (this.#state.openUntil === 0) this.#state.failuresInRow = 0
      this.#state.trying = false
      return
    }
    this.#state.failuresInRow++
    this.#state.trying = false
    if (this.#state.openUntil !== 0 || this.#state.failuresInRow >= this.#settings.failuresToOpen) {
      this.#state.openUntil = this.#clock.tick() + this.#settings.openMs
    }
  }
}
