import { mkdir } from 'node:fs/promises'

import { storePath } from '../app/setup.ts'
import { ledgerTables } from '../account/ledger/schema.ts'
import type { Clock } from '../core/clock.ts'
import { KeyStore } from '../protect/guard/key-store.ts'
import { keyTables } from '../protect/guard/key-table.ts'
import { openStore } from '../store/open.ts'
import type { Store } from '../store/store.ts'
import { unusable } from './path-failure.ts'

export const clock: Clock = { now: () => Date.now(), tick: () => performance.now() }

/** The folder of everything, for its owner alone. */
export const makeHome = async (home: string): Promise<void> => {
  await mkdir(home, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw unusable(home, error)
  })
}

/** Opens the home's store, brought forward, for as long as `work` runs; also while a server uses it. */
export const withStore = async <T>(home: string, work: (store: Store) => Promise<T>): Promise<T> => {
  await makeHome(home)
  const store = await openStore(storePath(home), { migrations: [ledgerTables, keyTables] })
  try {
    return await work(store)
  } finally {
    await store.close()
  }
}

export const withKeys = async <T>(store: Store, work: (keys: KeyStore) => T | Promise<T>): Promise<T> => {
  const keys = await KeyStore.open(store, clock)
  try {
    return await work(keys)
  } finally {
    await keys.close()
  }
}

/** The name of a key by its id; the id where the key is not known. */
export const keyNames = (store: Store): Promise<(id: string) => string> =>
  withKeys(store, (keys) => {
    const names = new Map(keys.list().map(({ id, name }) => [id, name]))
    return (id) => names.get(id) ?? id
  })
