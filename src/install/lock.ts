import { Database } from 'bun:sqlite'
import { closeSync, existsSync, openSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'

import { diskFailure, errorCode } from './disk.ts'
import type { Watch } from './progress.ts'

const pollMs = 100

/**
 * Runs `work` while no other process (and nobody else in this one) holds `path`. The lock is the kernel's, taken
 * through SQLite's exclusive transaction: it goes with its process, also on SIGKILL, so that no lock is ever stale.
 */
export const withLock = async <T>(path: string, watch: Watch, work: () => Promise<T>): Promise<T> => {
  await mkdir(dirname(path), { recursive: true })
  touch(path)
  const lock = new Database(path)
  try {
    while (!taken(lock)) {
      watch.onProgress?.({ label: 'Waiting for another inhouse process', done: 0 })
      await Bun.sleep(pollMs)
      watch.signal?.throwIfAborted()
    }
    return await work()
  } finally {
    lock.close()
  }
}

/** Only where it is missing: closing a file takes away all locks that this process has on it. */
const touch = (path: string): void => {
  try {
    if (!existsSync(path)) closeSync(openSync(path, 'a'))
  } catch (error) {
    throw diskFailure(error, path)
  }
}

const taken = (lock: Database): boolean => {
  try {
    lock.run('BEGIN EXCLUSIVE')
    return true
  } catch (error) {
    if (errorCode(error) === 'SQLITE_BUSY') return false
    throw error
  }
}
