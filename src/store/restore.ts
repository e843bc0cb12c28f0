import { createReadStream, createWriteStream } from 'node:fs'
import { rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Database } from 'bun:sqlite'

import { Failure } from '../core/failure.ts'
import { storeFailure } from './failures.ts'
import { flush, makePrivate } from './sqlite.ts'

/**
 * Puts a backup in the place of the store. The backup is checked whole before anything is touched; then the file is
 * swapped in one step, and the old one is gone (a damaged one is kept beside it as `….damaged`). Rejects with
 * `Failure('store_damaged')` for a bad backup, `Failure('store_busy')` while a process has the store open.
 */
export const restoreStore = async (backup: string, path: string): Promise<void> => {
  checkBackup(backup)
  const temporary = `${path}.${process.pid}.part`
  try {
    // A copy by the system would have the mode of the backup.
    await makePrivate(temporary)
    await pipeline(createReadStream(backup), createWriteStream(temporary))
    await flush(temporary)
    const old = await setAside(path)
    try {
      await rename(temporary, path)
    } finally {
      old?.close()
    }
    await flush(dirname(path))
  } catch (error) {
    await rm(temporary, { force: true })
    throw storeFailure(error, path)
  }
}

const checkBackup = (file: string): void => {
  try {
    using db = new Database(file, { readonly: true })
    const [check] = db.query('PRAGMA integrity_check(1)').all() as { integrity_check: string }[]
    const parts = db.query("SELECT name FROM sqlite_schema WHERE name = 'store_part'").all()
    if (check?.integrity_check === 'ok' && parts.length === 1) return
  } catch (error) {
    throw storeFailure(error, file)
  }
  throw new Failure('store_damaged', `The backup ${file} is damaged, or is not a store of inhouse.`)
}

/**
 * Locks the old store with nothing left in its WAL, which would otherwise be played into the new file. The lock is
 * held until the returned handle is closed.
 */
const setAside = async (path: string): Promise<Database | undefined> => {
  if (!(await exists(path))) return undefined
  const db = new Database(path, { create: false, readwrite: true })
  try {
    // Leaving WAL mode needs the file alone, and takes the WAL away.
    db.run('PRAGMA journal_mode = DELETE')
    db.run('BEGIN EXCLUSIVE')
    return db
  } catch (error) {
    db.close()
    const failure = storeFailure(error, path)
    if (!(failure instanceof Failure) || failure.code !== 'store_damaged') throw failure
  }
  for (const suffix of ['-wal', '-shm']) await rm(path + suffix, { force: true })
  await rename(path, `${path}.damaged`)
  return undefined
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )
