import { migrate } from './migrate.ts'
import type { Part } from './migrate.ts'
import { SqliteStore } from './sqlite.ts'
import type { SqliteOptions } from './sqlite.ts'
import type { Store } from './store.ts'

export interface StoreOptions extends Partial<SqliteOptions> {
  /** Each folder's own tables. */
  readonly migrations: readonly Part[]
}

/**
 * Opens the store at `path`, making it if there is none, with all its tables brought forward. Rejects with
 * `Failure('store_newer')` for a store of a newer inhouse, `Failure('store_damaged')` for a file that is not one.
 */
export const openStore = async (path: string, options: StoreOptions): Promise<Store> => {
  const store = new SqliteStore(path, { sync: options.sync ?? 'normal' })
  try {
    await migrate(store, options.migrations)
    return store
  } catch (error) {
    await store.close()
    throw error
  }
}
