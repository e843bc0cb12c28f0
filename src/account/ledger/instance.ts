import type { Clock } from '../../core/clock.ts'
import type { Store, Transaction } from '../../store/store.ts'
import { Rollup } from './rollup.ts'
import { addEntry, entryValues, lostRow } from './rows.ts'

/** How long a process counts as running without a sign of life. */
export const leaseMs = 15_000
const sliceRows = 500

/** A running process, as others see it: a row that it renews. Open holds of a process without one are lost. */
export class Instance {
  readonly id: string
  readonly #clock: Clock
  #leaseUntil = 0

  constructor(id: string, clock: Clock) {
    this.id = id
    this.#clock = clock
  }

  /** A process that slept through its lease takes a new one before it writes. */
  get isLapsed(): boolean {
    return this.#clock.now() >= this.#leaseUntil
  }

  /** What was written last may not have been committed. */
  forget(): void {
    this.#leaseUntil = 0
  }

  async renew(transaction: Transaction): Promise<void> {
    const until = this.#clock.now() + leaseMs
    await transaction.run(
      `INSERT INTO ledger_instance (id, lease_until) VALUES ($1, $2)
       ON CONFLICT (id) DO UPDATE SET lease_until = excluded.lease_until`,
      [[this.id, until]],
    )
    this.#leaseUntil = until
  }

  async end(transaction: Transaction): Promise<void> {
    await transaction.run('DELETE FROM ledger_instance WHERE id = $1', [[this.id]])
  }
}

/**
 * Turns the open holds of dead processes into rows with the outcome `lost`, and answers how many. Whoever deletes
 * the hold writes the row, in one transaction: several sweepers at once make each row once.
 */
export const sweepLost = async (store: Store, now: number): Promise<number> => {
  let swept = 0
  for (;;) {
    // Looking first keeps an idle sweep from taking the write lock.
    const [orphan] = await store.all(`SELECT id FROM ledger_hold WHERE ${isOrphan} LIMIT 1`, [now])
    if (orphan === undefined) return swept
    swept += await store.transaction((transaction) => sweepSlice(transaction, now))
  }
}

const sweepSlice = async (transaction: Transaction, now: number): Promise<number> => {
  const holds = await transaction.all<HoldRow>(
    `DELETE FROM ledger_hold WHERE id IN (SELECT id FROM ledger_hold WHERE ${isOrphan} LIMIT ${sliceRows})
     RETURNING id, at, series, decision, tags`,
    [now],
  )
  const rows = holds.map((hold) => lostRow({ ...hold, tags: JSON.parse(hold.tags) as string[] }))
  const added = await transaction.run(addEntry, rows.map(entryValues))
  const rollup = new Rollup()
  for (const [at, row] of rows.entries()) if (added[at] === 1) rollup.add(row)
  await rollup.write(transaction)
  await transaction.run('DELETE FROM ledger_instance WHERE lease_until <= $1', [[now]])
  return rows.length
}

const isOrphan = 'instance NOT IN (SELECT id FROM ledger_instance WHERE lease_until > $1)'

interface HoldRow {
  readonly id: string
  readonly at: number
  readonly series: number
  readonly decision: number
  readonly tags: string
}
