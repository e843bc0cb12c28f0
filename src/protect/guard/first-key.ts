import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

import { Failure } from '../../core/failure.ts'
import type { KeyStore } from './key-store.ts'

/**
 * Where there never was a key, makes one named `default` and keeps its secret in `<home>/key`, for its owner alone.
 * Answers the file's path; undefined when the file is gone, which is its owner's good right.
 */
export async function ensureFirstKey(home: string, keys: KeyStore): Promise<string | undefined> {
  const file = join(home, 'key')
  await keys.createFirst({ name: 'default' }, (secret) => writeForOwner(file, `${secret}\n`, home))
  return existsSync(file) ? file : undefined
}

/** Whole or not at all, and never readable by others, not for a moment. */
function writeForOwner(file: string, text: string, folder: string): void {
  const temporary = `${file}.${process.pid}.part`
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    rmSync(temporary, { force: true })
    const handle = openSync(temporary, 'wx', 0o600)
    try {
      writeSync(handle, text)
      fsyncSync(handle)
      renameSync(temporary, file)
    } catch (error) {
      rmSync(temporary, { force: true })
      throw error
    } finally {
      closeSync(handle)
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      throw new Failure('disk_full', `There is no space for ${file}.`, { cause: error })
    }
    throw new Failure('store_failed', `The key file ${file} cannot be written (${code}).`, { cause: error })
  }
}
