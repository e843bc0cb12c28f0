import type { Attempt, Considered, Decision } from '../../core/decision.ts'
import type { Transaction, Value } from '../../store/store.ts'
import { seriesFields } from './schema.ts'

/** The texts of a request that make its series, in the order of `seriesFields`. */
export type SeriesTexts = readonly string[]

const remembered = 4_096
const longestRemembered = 8_192
const longestName = 256
/** Decisions remembered of one route: it answered, or failed in one of a few ways. */
const mostOfRoute = 16

/** The only fields of a Decision that are ever written. */
const decisionFields =
  'asked label considered attempts reasons row backend model place verdict code text outcome failure status address'.split(
    ' ',
  )

/**
 * Numbers for texts that repeat: who asked whom for what (series), and why (decisions). A hot request finds both in
 * memory; what is new is written in the transaction at hand.
 */
export class Dictionary {
  readonly #series = new Map<string, number>()
  readonly #decisions = new Map<string, number>()
  /** The router gives the same list again for the same choice: to know it by identity saves writing it as text. */
  #routes = new WeakMap<readonly Considered[], Known[]>()
  #day = 0

  /** After a transaction that failed, what it wrote is not there. */
  forget(): void {
    this.#series.clear()
    this.#forgetDecisions()
  }

  series(transaction: Transaction, texts: SeriesTexts): Promise<number> | number {
    const clipped = texts.map(clip)
    const known = clipped.join('\0')
    return this.#series.get(known) ?? this.#add(this.#series, known, transaction, addSeries, clipped)
  }

  /** `day` is today: a decision is kept as long as the entries of the last day on which it was made. */
  decision(transaction: Transaction, decision: Decision, day: number): Promise<number> | number {
    if (day !== this.#day) {
      this.#forgetDecisions()
      this.#day = day
    }
    const ofRoute = this.#routes.get(decision.considered)
    if (ofRoute !== undefined)
      for (const known of ofRoute) if (isSame(known.decision, decision)) return known.id
    const known = JSON.stringify(withoutTimes(decision))
    const found = this.#decisions.get(known)
    if (found !== undefined) {
      this.#remember(decision, found)
      return found
    }
    const json = JSON.stringify(JSON.parse(known), decisionFields)
    const digest = new Bun.CryptoHasher('sha256').update(json).digest('base64')
    return this.#add(this.#decisions, known, transaction, addDecision, [digest, json, day])
  }

  #remember(decision: Decision, id: number): void {
    const ofRoute = this.#routes.get(decision.considered)
    // The list of attempts may grow while the request goes on.
    const known = { decision: { ...decision, attempts: [...decision.attempts] }, id }
    if (ofRoute === undefined) this.#routes.set(decision.considered, [known])
    else if (ofRoute.length < mostOfRoute) ofRoute.push(known)
  }

  #forgetDecisions(): void {
    this.#decisions.clear()
    this.#routes = new WeakMap()
  }

  async #add(
    memory: Map<string, number>,
    known: string,
    transaction: Transaction,
    sql: string,
    values: readonly Value[],
  ): Promise<number> {
    const [row] = await transaction.all<{ id: number }>(sql, values)
    const id = row?.id ?? 0
    if (memory.size >= remembered) memory.clear()
    if (known.length <= longestRemembered) memory.set(known, id)
    return id
  }
}

/** A decision that is written, and its number. */
interface Known {
  readonly decision: Decision
  readonly id: number
}

/** Two decisions on one route; the times of their attempts do not count. */
const isSame = (one: Decision, other: Decision): boolean =>
  one.reasons === other.reasons &&
  one.asked === other.asked &&
  one.label === other.label &&
  one.attempts.length === other.attempts.length &&
  one.attempts.every((attempt, at) => isSameAttempt(attempt, other.attempts[at]))

const isSameAttempt = (one: Attempt, other: Attempt | undefined): boolean =>
  one.row === other?.row &&
  one.backend === other.backend &&
  one.model === other.model &&
  one.place === other.place &&
  one.outcome === other.outcome &&
  one.failure === other.failure &&
  one.status === other.status &&
  one.address === other.address

const clip = (text: string): string => (text.length > longestName ? text.slice(0, longestName) : text)

/** The part of a decision that repeats from request to request; the times stand in the entry. */
const withoutTimes = ({ asked, label, considered, attempts, reasons }: Decision): unknown => ({
  asked: clip(asked),
  label,
  considered,
  attempts: attempts.map(({ queueMs: _queueMs, tookMs: _tookMs, ...attempt }) => attempt),
  reasons,
})

const places = (count: number): string => Array.from({ length: count }, (_, at) => `$${at + 1}`).join(', ')

// Setting a field to what it is makes RETURNING answer for a row that was there.
const addSeries = `INSERT INTO ledger_series (${seriesFields.join(', ')}) VALUES (${places(seriesFields.length)})
  ON CONFLICT (${seriesFields.join(', ')}) DO UPDATE SET key_id = excluded.key_id RETURNING id`
const addDecision = `INSERT INTO ledger_decision (digest, json, last_day) VALUES ($1, $2, $3)
  ON CONFLICT (digest) DO UPDATE SET last_day =
    CASE WHEN excluded.last_day > ledger_decision.last_day THEN excluded.last_day ELSE ledger_decision.last_day END
  RETURNING id`
