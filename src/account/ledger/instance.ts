import type { Clock } from '../../core/clock.ts'
import type { Transaction } from '../../store/store.ts'

/** How long a process counts as running without a sign of life. */
export const leaseMs = 15_000
/** How often it gives one. */
export const beatMs = leaseMs / 3

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
