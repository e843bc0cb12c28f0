import type { Store } from '../../store/store.ts'
import { dayOf } from './days.ts'

const sliceRows = 500
const restMs = 5

/**
 * Deletes entries from before `before` (milliseconds since the epoch) and answers how many; the days' sums stay.
 * In slices with a rest between them, so that this process and others go on serving.
 */
export const compact = async (store: Store, before: number): Promise<number> => {
  // The floor is what lets rows go: the table refuses to lose any that are newer.
  await store.transaction((transaction) =>
    transaction.run('UPDATE ledger_floor SET at = $1 WHERE at < $1', [[before]]),
  )
  let deleted = 0
  for (;;) {
    const slice = await compactSlice(store, before)
    deleted += slice
    if (slice === 0) break
    await Bun.sleep(restMs)
  }
  await store.transaction((transaction) =>
    transaction.run(
      `DELETE FROM ledger_decision WHERE last_day < $1 AND id NOT IN (SELECT decision FROM ledger_hold)`,
      [[dayOf(before)]],
    ),
  )
  return deleted
}

/** Ids are ordered by time, so the oldest rows stand first. */
const compactSlice = (store: Store, before: number): Promise<number> =>
  store.transaction(async (transaction) => {
    const oldest = await transaction.all<{ id: string; at: number }>(
      `SELECT id, at FROM ledger_entry ORDER BY id LIMIT ${sliceRows}`,
    )
    const old = oldest.filter(({ at }) => at < before)
    await transaction.run(
      'DELETE FROM ledger_entry WHERE id = $1',
      old.map(({ id }) => [id]),
    )
    return old.length
  })
