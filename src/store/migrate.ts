import { Failure } from '../core/failure.ts'
import type { Dialect } from './dialect.ts'
import type { Store } from './store.ts'

/** The statements of one step, in order. A step that was ever released is never changed: add another. */
export type Migration = (sql: Dialect) => readonly string[]

/** One folder's tables, from their first version on. The version of a part is the number of its steps. */
export interface Part {
  readonly name: string
  readonly steps: readonly Migration[]
}

/**
 * Brings every part forward, each step in a transaction, also when several processes start at once. Throws
 * `Failure('store_newer')` before anything is changed.
 */
export const migrate = async (store: Store, parts: readonly Part[]): Promise<void> => {
  const { dialect } = store
  await store.transaction(async (transaction) => {
    await transaction.run(
      `CREATE TABLE IF NOT EXISTS store_part
       (name TEXT PRIMARY KEY, version ${dialect.integer} NOT NULL) ${dialect.table('by-key')}`,
      [[]],
    )
    const versions = await transaction.all<Version>('SELECT name, version FROM store_part')
    for (const { name, version } of versions) {
      const part = parts.find((known) => known.name === name)
      if (part !== undefined && version > part.steps.length) {
        throw new Failure(
          'store_newer',
          `The store’s part "${name}" has version ${version}; this program knows ${part.steps.length}.`,
        )
      }
    }
  })
  for (const part of parts) {
    for (let step = 1; step <= part.steps.length; step += 1) await take(store, part, step)
  }
}

const take = (store: Store, part: Part, step: number): Promise<void> =>
  store.transaction(async (transaction) => {
    const [row] = await transaction.all<Version>('SELECT version FROM store_part WHERE name = $1', [
      part.name,
    ])
    if ((row?.version ?? 0) >= step) return
    for (const sql of part.steps[step - 1]?.(store.dialect) ?? []) await transaction.run(sql, [[]])
    await transaction.run(
      `INSERT INTO store_part (name, version) VALUES ($1, $2)
       ON CONFLICT (name) DO UPDATE SET version = excluded.version`,
      [[part.name, step]],
    )
  })

interface Version {
  readonly name: string
  readonly version: number
}
