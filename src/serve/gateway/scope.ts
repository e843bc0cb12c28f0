import type { Clock } from '../../core/clock.ts'
import type { Attempt, Considered, Decision, Reason } from '../../core/decision.ts'
import { Failure, type FailureCode } from '../../core/failure.ts'
import type { Admission, Demand, Guard, Identity } from '../../core/guard.ts'
import type { Label } from '../../core/label.ts'
import type { Hold, LedgerPort, Outcome, Settlement } from '../../core/ledger.ts'
import type { Usage } from '../../core/usage.ts'
import { isFree } from '../../core/operation.ts'
import { Tap } from '../stream/tap.ts'
import { Call } from './call.ts'
import type { Deadline } from './deadline.ts'

/** What a scope needs of the world. */
export interface ScopeParts {
  readonly clock: Clock
  readonly ledger: LedgerPort
  /** Told when the last thing of the request is done, and what went wrong if something did. */
  ended(scope: RequestScope, failure: Failure | undefined): void
  /** Told each failed attempt that another one follows. */
  triesAgain(scope: RequestScope, failure: Failure): void
}

/** Who waits for the answer: the signal fires when it hangs up. */
export interface Client {
  signal(): AbortSignal
}

/** Who answers, as far as it is known. */
export interface Answerer {
  readonly row: string
  readonly backend: string
  readonly model: string
  readonly place: string
}

/**
 * Everything one request holds: its place in the limits, its slot, the opened engine, the upstream call, and its hold in the
 * ledger. `end` gives all of it back and settles, once, whoever comes first: success, failure, or a client that hung up,
 * also for a stream that was never read.
 */
export class RequestScope implements Disposable {
  readonly id: string
  readonly at: number
  readonly arrived: number
  readonly tap = new Tap()
  label: Label = 'internal'
  asked = ''
  /** Bytes of the prompt's text, for an estimate where nobody reports. */
  promptBytes = 0
  considered: readonly Considered[] = []
  reasons: readonly Reason[] = []
  readonly attempts: Attempt[] = []
  answerer: Answerer | undefined
  queueMs = 0
  /** The request went out to an upstream, which may bill it from here on. */
  sent = false
  firstEventMs: number | undefined
  /** How long the upstream of the attempt at hand may be silent. */
  deadline: Deadline | undefined

  readonly #parts: ScopeParts
  readonly #client: Client
  #isWatched = false
  #call: Call | undefined
  #closers: (() => void)[] = []
  #admission: Admission | undefined
  #identity: Identity | undefined
  #demand: Demand | undefined
  #held = false
  /** Whatever tokens are told, none were consumed. */
  #isFree = false
  #ended = false
  #ending: { readonly outcome: Outcome; readonly code: FailureCode | undefined } | undefined

  constructor(id: string, parts: ScopeParts, client: Client) {
    this.id = id
    this.#parts = parts
    this.at = parts.clock.now()
    this.arrived = parts.clock.tick()
    this.#client = client
  }

  /**
   * Looks whether the client left or the upstream is late. Listening begins with the first look: most requests are over
   * by then, and the platform's signal costs each 6 µs.
   */
  look(): void {
    if (!this.#isWatched) {
      this.#isWatched = true
      const client = this.#client.signal()
      if (client.aborted) this.#leave()
      else client.addEventListener('abort', this.#leave, { once: true })
    }
    this.deadline?.look()
  }

  readonly #leave = (): void => this.end('left', new Failure('client_left', 'The client hung up.'))

  get isOver(): boolean {
    return this.#ended
  }

  get tookMs(): number {
    return this.#parts.clock.tick() - this.arrived
  }

  get decision(): Decision {
    const { asked, label, considered, attempts, reasons } = this
    return { asked, label, considered, attempts, reasons }
  }

  /** The place in the limits is this request’s, or goes back at once when the client has left meanwhile. */
  admitted(admission: Admission, identity: Identity, demand: Demand): void {
    if (this.#ended) {
      admission.close({})
      return
    }
    this.#admission = admission
    this.#identity = identity
    this.#demand = demand
  }

  /** Counts it under the limits that a new guard adds. */
  carry(guard: Guard): void {
    if (this.#admission === undefined || this.#identity === undefined || this.#demand === undefined) return
    this.#admission = guard.carry(this.#admission, this.#identity, this.#demand)
  }

  /** Writes the hold; from here on the request has a row, whatever happens. */
  async hold(facts: Omit<Hold, 'id' | 'at' | 'label' | 'decision' | 'askedModel'>): Promise<void> {
    await this.#parts.ledger.hold({
      ...facts,
      id: this.id,
      at: this.at,
      askedModel: this.asked,
      label: this.label,
      decision: this.decision,
    })
    this.#held = true
    this.#isFree = isFree(facts.operation)
    // The request may have ended while the hold was being committed: the row must still be closed.
    if (this.#ending !== undefined) this.#settle(this.#ending.outcome, this.#ending.code, {})
  }

  /** Runs `close` when the scope ends, or at once if it has; also called by `release`. */
  own(close: () => void): void {
    if (this.#ended) close()
    else this.#closers.push(close)
  }

  /** Gives back what one attempt held, before the next one. */
  release(): void {
    const closers = this.#closers
    this.#closers = []
    this.deadline = undefined
    for (let at = closers.length - 1; at >= 0; at--) closers[at]?.()
  }

  /** A fresh signal for one attempt; it fires when the client leaves, and can be fired alone. */
  beginCall(): Call {
    this.#call = new Call()
    if (this.#ended) this.#call.abort(new Failure('client_left', 'The client hung up.'))
    return this.#call
  }

  triesAgain(failure: Failure): void {
    this.#parts.triesAgain(this, failure)
  }

  sawEvent(): void {
    this.firstEventMs ??= this.tookMs
  }

  /** Idempotent. */
  end(how: Outcome, why?: Failure): void {
    if (this.#ended) return
    // Who leaves at the terminator has had the whole answer: clients stop reading there.
    const isWhole = how === 'left' && this.tap.finished && this.tap.ended
    const outcome = isWhole ? 'done' : how
    const failure = isWhole ? undefined : why
    this.#ended = true
    this.#ending = { outcome, code: failure?.code }
    if (this.#isWatched) this.#client.signal().removeEventListener('abort', this.#leave)
    if (how !== 'done') this.#call?.abort(why)
    this.release()
    // An upstream bills what it was sent and began to answer; what never went out, or was refused, cost nothing.
    const isBilled = this.firstEventMs !== undefined || (this.sent && outcome === 'left')
    const usage = this.#isFree ? {} : isBilled ? this.tap.usage(this.promptBytes) : this.tap.reportedUsage
    this.#admission?.close(usage)
    if (this.#held) this.#settle(outcome, failure?.code, usage)
    this.#parts.ended(this, failure)
  }

  #settle(outcome: Outcome, code: Failure['code'] | undefined, usage: Usage): void {
    const { answerer, firstEventMs } = this
    const { prefillMs, decodeMs } = this.tap.timing
    const settlement: { -readonly [K in keyof Settlement]: Settlement[K] } = {
      id: this.id,
      outcome,
      servedModel: answerer?.model ?? '',
      backend: answerer?.backend ?? '',
      place: answerer?.place ?? '',
      decision: this.decision,
      usage,
      queueMs: this.queueMs,
      totalMs: this.tookMs,
    }
    if (code !== undefined) settlement.failure = code
    if (firstEventMs !== undefined) settlement.firstEventMs = firstEventMs
    if (prefillMs !== undefined) settlement.prefillMs = prefillMs
    if (decodeMs !== undefined) settlement.decodeMs = decodeMs
    if (usage.cost !== undefined) settlement.cost = usage.cost
    this.#parts.ledger.settle(settlement)
  }

  [Symbol.dispose](): void {
    this.end('failed', new Failure('internal', 'The request was given up.'))
  }
}
