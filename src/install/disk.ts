import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { mkdir, open, rename, rm, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'

import { Failure } from '../core/failure.ts'

const fullCodes = new Set(['ENOSPC', 'EDQUOT'])

/** The `code` of a system error (`ENOENT` …), else undefined. */
export const errorCode = (thrown: unknown): string | undefined => {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
  return typeof code === 'string' ? code : undefined
}

/** A full disk as `Failure('disk_full')`; everything else as it came. */
export const diskFailure = (thrown: unknown, path: string): unknown =>
  fullCodes.has(errorCode(thrown) ?? '')
    ? new Failure('disk_full', `The disk of ${path} is full.`, { cause: thrown })
    : thrown

/** Refuses work that cannot fit, before it fills the disk that the ledger also lives on. */
export const needSpace = async (folder: string, bytes: number): Promise<void> => {
  const { bavail, bsize } = await statfs(folder)
  if (bavail * bsize >= bytes) return
  throw new Failure('disk_full', `${folder} has ${bavail * bsize} bytes free; ${bytes} are needed.`)
}

/** A rename is on the disk only when its folder is. */
export const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, constants.O_RDONLY)
  await handle.sync().catch(() => undefined)
  await handle.close()
}

/** Whole or as it was before, whoever else writes it at the same moment: written beside, synced, renamed. */
export const writeWhole = async (path: string, text: string): Promise<void> => {
  const temporary = `${path}.${randomUUID()}`
  await mkdir(dirname(path), { recursive: true })
  try {
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw diskFailure(error, path)
  }
  await syncFolder(dirname(path))
}
