import type { Decision } from '../../core/decision.ts'
import type { Transaction, Value } from '../../store/store.ts'
import { seriesFields } from './schema.ts'

/** The texts of a request that make its series, in the order of `seriesFields`. */
export type SeriesTexts = readonly string[]

const remembered = 4_096
const longestRemembered = 8_192
const longestName = 256

/** The only fields of a Decision that are ever written. */
const decisionFields =
  'asked label considered attempts reasons row backend model place verdict code text outcome failure status'.split(
    ' ',
  )

/**
 * Numbers for texts that repeat: who asked whom for what (series), and why (decisions). A hot request finds both in
 * memory; what is new is written in the transaction at hand.
 */
export class Dictionary {
  readonly #series = new Map<string, number>()
  readonly #decisions = new Map<string, number>()
  #day = 0

  /** After a transaction that failed, what it wrote is not there. */
  forget(): void {
    this.#series.clear()
    this.#decisions.clear()
  }

  series(transaction: Transaction, texts: SeriesTexts): Promise<number> | number {
    const clipped = texts.map(clip)
    const known = clipped.join('\0')
    return this.#series.get(known) ?? this.#add(this.#series, known, transaction, addSeries, clipped)
  }

  /** `day` is today: a decision is kept as long as the entries of the last day on which it was made. */
  decision(transaction: Transaction, decision: Decision, day: number): Promise<number> | number {
    if (day !== this.#day) {
      this.#decisions.clear()
      this.#day = day
    }
    const known = JSON.stringify(withoutTimes(decision))
    const found = this.#decisions.get(known)
    if (found !== undefined) return found
    const json = JSON.stringify(JSON.parse(known), decisionFields)
    const digest = new Bun.CryptoHasher('sha256').update(json).digest('base64')
    return this.#add(this.#decisions, known, transaction, addDecision, [digest, json, day])
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
