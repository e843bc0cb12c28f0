import { SQLiteError } from 'bun:sqlite'

import { Failure } from '../core/failure.ts'

/** What SQLite threw, in the words of the failure table. Other values pass as they are. */
export const storeFailure = (thrown: unknown, path: string): unknown => {
  if (!(thrown instanceof SQLiteError)) return thrown
  const code = thrown.code ?? 'SQLITE_ERROR'
  if (code === 'SQLITE_FULL') {
    return new Failure('store_full', `The disk of ${path} is full.`, { cause: thrown })
  }
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
    return new Failure('store_busy', `Another process holds ${path}.`, { cause: thrown })
  }
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB') {
    return new Failure('store_damaged', `The file ${path} is damaged, or is not a store.`, { cause: thrown })
  }
  return new Failure('store_failed', `The store ${path} failed (${code}: ${thrown.message}).`, {
    cause: thrown,
  })
}
