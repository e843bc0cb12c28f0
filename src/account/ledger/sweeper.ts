import type { Clock } from '../../core/clock.ts'
import type { Store, Transaction } from '../../store/store.ts'
import { beatMs } from './instance.ts'
import { Rollup } from './rollup.ts'
import { addEntry, entryValues, lostRow } from './rows.ts'

const sliceRows = 500

/** A lease that was seen over: the clock’s tick at the first look, and until when it ran. */
interface Lapsed {
  readonly since: number
  readonly until: number
}

/**
 * Turns the open holds of dead processes into rows with the outcome `lost`. Leases are told by the clock on the wall,
 * which jumps (a machine that slept, a step of NTP) over the lease of a process that lives: it has a beat to renew it.
 */
export class Sweeper {
  readonly #store: Store
  readonly #clock: Clock
  #lapsed: ReadonlyMap<string, Lapsed> = new Map()

  constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /**
   * Looks once, and answers how many became lost. Whoever deletes the hold writes the row, in one transaction: several
   * sweepers at once make each row once.
   */
  async sweep(): Promise<number> {
    await this.#endLeases()
    let swept = 0
    for (;;) {
      // Looking first keeps an idle sweep from taking the write lock.
      const [orphan] = await this.#store.all(`SELECT id FROM ledger_hold WHERE ${isOrphan} LIMIT 1`)
      if (orphan === undefined) return swept
      swept += await this.#store.transaction(sweepSlice)
    }
  }

  /** Ends those that were over at two looks a beat apart, and were not renewed in between. */
  async #endLeases(): Promise<void> {
    const tick = this.#clock.tick()
    const over = await this.#store.all<{ id: string; lease_until: number }>(
      'SELECT id, lease_until FROM ledger_instance WHERE lease_until <= $1',
      [this.#clock.now()],
    )
    const before = this.#lapsed
    const now = new Map<string, Lapsed>()
    for (const { id, lease_until: until } of over) {
      const known = before.get(id)
      now.set(id, known?.until === until ? known : { since: tick, until })
    }
    this.#lapsed = now
    const dead = [...now].filter(([, { since }]) => tick - since >= beatMs)
    if (dead.length === 0) return
    await this.#store.transaction((transaction) =>
      transaction.run(
        'DELETE FROM ledger_instance WHERE id = $1 AND lease_until = $2',
        dead.map(([id, { until }]) => [id, until]),
      ),
    )
  }
}

const sweepSlice = async (transaction: Transaction): Promise<number> => {
  const holds = await transaction.all<HoldRow>(
    `DELETE FROM ledger_hold WHERE id IN (SELECT id FROM ledger_hold WHERE ${isOrphan} LIMIT ${sliceRows})
     RETURNING id, at, series, decision, tags`,
  )
  const rows = holds.map((hold) => lostRow({ ...hold, tags: JSON.parse(hold.tags) as string[] }))
  const added = await transaction.run(addEntry, rows.map(entryValues))
  const rollup = new Rollup()
  for (const [at, row] of rows.entries()) if (added[at] === 1) rollup.add(row)
  await rollup.write(transaction)
  return rows.length
}

const isOrphan = 'instance NOT IN (SELECT id FROM ledger_instance)'

interface HoldRow {
  readonly id: string
  readonly at: number
  readonly series: number
  readonly decision: number
  readonly tags: string
}
