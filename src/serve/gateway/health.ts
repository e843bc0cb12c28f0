import type { Clock } from '../../core/clock.ts'
import type { FailureCode } from '../../core/failure.ts'
import type { Standing } from '../../core/route.ts'
import type { GatewaySettings } from './settings.ts'

type HealthSettings = GatewaySettings['health']

interface State {
  failuresInRow: number
  /** Until when nobody is let through; undefined while closed. */
  openUntil: number | undefined
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

/** What became of a model's circuit, and what opened it. */
export interface Circuit {
  readonly model: string
  readonly opened: FailureCode | undefined
}

/**
 * The circuit breaker of one model at one backend, fed by results and by the probe. After `openMs` one call may try.
 * `changed` is told when it opens, and by which failure, and when it closes.
 */
export class Health {
  readonly #clock: Clock
  readonly #settings: HealthSettings
  readonly #changed: (opened: FailureCode | undefined) => void
  readonly #state: State = { failuresInRow: 0, openUntil: undefined, trying: false }

  constructor(
    clock: Clock,
    settings: HealthSettings,
    changed: (opened: FailureCode | undefined) => void = () => {},
  ) {
    this.#clock = clock
    this.#settings = settings
    this.#changed = changed
  }

  get standing(): Standing {
    const { openUntil, trying } = this.#state
    return openUntil === undefined || (this.#clock.tick() >= openUntil && !trying) ? 'up' : 'resting'
  }

  /** Nothing would be forgotten with it. */
  get isClean(): boolean {
    return this.#state.openUntil === undefined && this.#state.failuresInRow === 0
  }

  /** Milliseconds until the next try may pass. */
  get restMs(): number {
    return Math.max(0, (this.#state.openUntil ?? 0) - this.#clock.tick())
  }

  /** A call is about to go out. Undefined when nobody may: the circuit is open, or another call is trying it. */
  enter(): Verdict | undefined {
    if (this.standing === 'resting') return undefined
    const isTrial = this.#state.openUntil !== undefined
    if (isTrial) this.#state.trying = true
    return new Verdict(this, isTrial)
  }

  /** The call was taken back before it said anything about the backend (the client left). */
  undecided(): void {
    this.#state.trying = false
  }

  /** An answer has begun: others may try again, but one more failure opens the circuit anew. */
  began(): void {
    if (this.#state.openUntil === undefined) return
    this.#state.failuresInRow = this.#settings.failuresToOpen - 1
    this.#close()
  }

  /** A probe was answered: the rest is over, and one call may try. A server that is up can still fail each call. */
  probed(): void {
    if (this.#state.openUntil !== undefined) this.#state.openUntil = this.#clock.tick()
  }

  /** An answer came to its end. */
  succeeded(): void {
    this.#state.failuresInRow = 0
    this.#close()
  }

  /** It answered, be it with an error that speaks against the request alone. */
  excused(): void {
    if (this.#state.openUntil === undefined) this.#state.failuresInRow = 0
    this.#state.trying = false
  }

  failed(code: FailureCode): void {
    if (!faults.has(code)) return this.excused()
    this.#state.failuresInRow++
    this.#state.trying = false
    if (this.#state.openUntil !== undefined || this.#state.failuresInRow >= this.#settings.failuresToOpen) {
      this.#open(code)
    }
  }

  #open(code: FailureCode): void {
    const wasOpen = this.#state.openUntil !== undefined
    this.#state.openUntil = this.#clock.tick() + this.#settings.openMs
    if (!wasOpen) this.#changed(code)
  }

  #close(): void {
    const wasOpen = this.#state.openUntil !== undefined
    this.#state.openUntil = undefined
    this.#state.trying = false
    if (wasOpen) this.#changed(undefined)
  }
}

/** What one call says of its backend. A failure is counted once, however many places notice it. */
export class Verdict {
  /** Nobody else may call until this one has said something. */
  readonly isTrial: boolean
  readonly #health: Health
  #hasBegun = false
  #isSaid = false

  constructor(health: Health, isTrial: boolean) {
    this.#health = health
    this.isTrial = isTrial
  }

  began(): void {
    this.#hasBegun = true
    this.#health.began()
  }

  succeeded(): void {
    if (this.#isSaid) return
    this.#isSaid = true
    this.#health.succeeded()
  }

  failed(code: FailureCode): void {
    if (this.#isSaid) return
    this.#isSaid = true
    this.#health.failed(code)
  }

  excused(): void {
    if (this.#isSaid) return
    this.#isSaid = true
    this.#health.excused()
  }

  /** The call is over. Where it was the trial and said nothing about the backend, another may try. */
  over(): void {
    if (this.isTrial && !this.#hasBegun && !this.#isSaid) this.#health.undecided()
  }
}

const mostModels = 1000

/** The circuits of one backend. Bounded, for under a wildcard clients make up the names. */
export class HealthByModel {
  readonly #models = new Map<string, Health>()
  readonly #clock: Clock
  readonly #settings: { failuresToOpen: number; openMs: number }
  readonly #changed: (circuit: Circuit) => void

  constructor(
    clock: Clock,
    { failuresToOpen, openMs }: HealthSettings,
    changed: (circuit: Circuit) => void = () => {},
  ) {
    this.#clock = clock
    this.#settings = { failuresToOpen, openMs }
    this.#changed = changed
  }

  /** From the next failure on, also for the models that are known. */
  adjust({ failuresToOpen, openMs }: HealthSettings): this {
    Object.assign(this.#settings, { failuresToOpen, openMs })
    return this
  }

  of(model: string): Health {
    const known = this.#models.get(model)
    if (known !== undefined) return known
    if (this.#models.size >= mostModels) this.#forgetOne()
    const fresh = new Health(this.#clock, this.#settings, (opened) => this.#changed({ model, opened }))
    this.#models.set(model, fresh)
    return fresh
  }

  /** Of a model that was asked; of the whole backend where no name is given: it rests when all that were asked do. */
  standing(model?: string): Standing {
    // To ask makes no circuit: the names are the clients'.
    if (model !== undefined) return this.#models.get(model)?.standing ?? 'up'
    const all = [...this.#models.values()]
    return all.length > 0 && all.every((health) => health.standing === 'resting') ? 'resting' : 'up'
  }

  /** One that knows nothing, so that made-up names cannot make a backend forget which of its models fail. */
  #forgetOne(): void {
    let first: string | undefined
    for (const [model, health] of this.#models) {
      first ??= model
      if (!health.isClean) continue
      first = model
      break
    }
    if (first !== undefined) this.#models.delete(first)
  }

  resting(): readonly Health[] {
    return [...this.#models.values()].filter((health) => health.standing === 'resting')
  }
}
