import { stat } from 'node:fs/promises'
import { join } from 'node:path'

import { storePath } from '../../app/setup.ts'
import { ledgerReader } from '../../account/ledger/reader.ts'
import { ledgerTables } from '../../account/ledger/schema.ts'
import { asFailure, Failure } from '../../core/failure.ts'
import { listen } from '../../http/listen.ts'
import { keyTables } from '../../protect/guard/key-table.ts'
import { openStore } from '../../store/open.ts'
import { clock } from '../home-store.ts'
import { liveServer } from '../live-server.ts'
import { pathFailure } from '../path-failure.ts'
import { bytesText } from '../print.ts'
import { fail, failed, ok, warn, type Check } from './check.ts'

/** Who may read the first key. */
export const checkKey = async (home: string): Promise<Check> => {
  const file = join(home, 'key')
  const entry = await stat(file).catch(() => undefined)
  if (entry === undefined) return ok('key', 'none in the home yet; the first start makes one')
  const mode = entry.mode & 0o777
  if ((mode & 0o077) === 0) return ok('key', `${file}, readable by its owner alone`)
  return fail(
    'key',
    `${file} can be read by others (mode ${mode.toString(8)}).`,
    `Run \`chmod 600 ${file}\`; if others had access, revoke the key and make a new one.`,
  )
}

const parts = [ledgerTables, keyTables]

/** Whether the store is whole, ours and free; and when the newest request came. Changes no table. */
export const checkStore = async (
  home: string,
): Promise<{ readonly check: Check; readonly latest: number | undefined }> => {
  const path = storePath(home)
  const file = await stat(path).catch(() => undefined)
  if (file === undefined)
    return { check: ok('store', 'none yet; the first start makes one'), latest: undefined }
  try {
    // Without migrations: an older store stays as old as it is.
    const store = await openStore(path, { migrations: [] })
    try {
      const [sound] = await store.all<{ quick_check: string }>('PRAGMA quick_check(1)')
      if (sound?.quick_check !== 'ok') throw new Failure('store_damaged', `The file ${path} is damaged.`)
      const versions = await store.all<{ name: string; version: number }>(
        'SELECT name, version FROM store_part',
      )
      const newer = versions.find(
        ({ name, version }) => version > (parts.find((part) => part.name === name)?.steps.length ?? Infinity),
      )
      if (newer !== undefined)
        throw new Failure('store_newer', `The store’s part "${newer.name}" has version ${newer.version}.`)
      const isCurrent = parts.every(({ name, steps }) =>
        versions.some((part) => part.name === name && part.version === steps.length),
      )
      const [entry] = isCurrent ? await ledgerReader(store, clock).recent({ limit: 1 }) : []
      const log = await stat(`${path}-wal`).catch(() => undefined)
      const size = bytesText(file.size + (log?.size ?? 0))
      const check = isCurrent
        ? ok('store', `${path}, ${size}, sound`)
        : warn(
            'store',
            `${path}, ${size}, is of an older version.`,
            'The next start brings it forward; `inhouse store backup FILE` first is wise.',
          )
      return { check, latest: entry?.at }
    } finally {
      await store.close()
    }
  } catch (thrown) {
    return { check: failed('store', reasonOf(asFailure(thrown))), latest: undefined }
  }
}

/** For a store that cannot be opened the table sends people to the doctor: who has to know why. */
const reasonOf = (failure: Failure): Failure => {
  if (failure.code !== 'store_failed') return failure
  const reason = pathFailure(failure.cause)
  if (reason instanceof Failure) return reason
  const help =
    'Look who owns it and whether its disk is sound; `inhouse store restore FILE` puts a backup in its place.'
  return new Failure('store_failed', { message: failure.message, help })
}

/** Whether the address is free, or a server of ours runs already, there or elsewhere. */
export const checkPort = async (home: string, address: string): Promise<Check> => {
  const url = await liveServer(home, address)
  if (url !== undefined) return ok('address', `inhouse already serves at ${url}`)
  try {
    const nobody = (): Response => new Response()
    await listen(address, nobody, nobody).stop()
    return ok('address', `${address} is free`)
  } catch (thrown) {
    return failed('address', asFailure(thrown))
  }
}
