import { mkdir, stat } from 'node:fs/promises'

import { storePath } from '../app/setup.ts'
import { ledgerTables } from '../account/ledger/schema.ts'
import type { Clock } from '../core/clock.ts'
import { Failure } from '../core/failure.ts'
import { errorCode } from '../install/disk.ts'
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

type StoreWork<T> = (store: Store) => Promise<T>

/**
 * Opens the home's store, brought forward, for as long as `work` runs; also while a server uses it. Makes neither:
 * throws `Failure('usage_wrong')` where there is none, which is most likely a path that was mistyped.
 */
export const withStore = async <T>(home: string, work: StoreWork<T>): Promise<T> => {
  await stat(storePath(home)).catch((thrown: unknown) => {
    if (!['ENOENT', 'ENOTDIR'].includes(errorCode(thrown) ?? '')) throw thrown
    throw new Failure('usage_wrong', {
      message: `There is no home of inhouse at ${home}.`,
      help: 'Check `--home` and INHOUSE_HOME; `inhouse serve` and `inhouse keys create` make a home.',
    })
  })
  return opened(home, work)
}

/** The same, and makes home and store where there are none. */
export const withMadeStore = async <T>(home: string, work: StoreWork<T>): Promise<T> => {
  await makeHome(home)
  return opened(home, work)
}

const opened = async <T>(home: string, work: StoreWork<T>): Promise<T> => {
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
