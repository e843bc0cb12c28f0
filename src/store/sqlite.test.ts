import { expect, test } from 'bun:test'
import { chmodSync, existsSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Database } from 'bun:sqlite'

import { openStore } from './open.ts'
import type { Part } from './migrate.ts'
import { restoreStore } from './restore.ts'
import { codeOf, storeContract } from '../testing/store-contract.ts'
import type { Store } from './store.ts'

const makePlace = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'inhouse-store-'))
  const path = join(folder, 'store.db')
  const backupFile = join(folder, 'backup.db')
  return {
    path,
    folder,
    backupFile,
    open: (migrations: readonly Part[]) => openStore(path, { migrations }),
    openBackup: (migrations: readonly Part[]) => openStore(backupFile, { migrations }),
    remove: () => rm(folder, { recursive: true }),
  }
}

storeContract('SQLite', makePlace)

const notes: Part = {
  name: 'notes',
  steps: [(sql) => [`CREATE TABLE note (text TEXT) ${sql.table('heap')}`]],
}
const note = (store: Store, text: string): Promise<unknown> =>
  store.transaction((transaction) => transaction.run('INSERT INTO note (text) VALUES ($1)', [[text]]))
const textsIn = async (store: Store): Promise<readonly string[]> =>
  (await store.all<{ text: string }>('SELECT text FROM note')).map(({ text }) => text)

const opened = async (
  work: (place: Awaited<ReturnType<typeof makePlace>>, store: Store) => Promise<void>,
) => {
  const place = await makePlace()
  const store = await place.open([notes])
  try {
    await work(place, store)
  } finally {
    await store.close()
    await place.remove()
  }
}

/** Writes nonsense over the pages behind the first. */
const damage = async (path: string): Promise<void> => {
  await using file = await open(path, 'r+')
  const nonsense = Buffer.alloc(4_096, 0xa5)
  for (let page = 1; page * 4_096 < statSync(path).size; page += 1)
    await file.write(nonsense, 0, 4_096, page * 4_096)
}

test('only its owner can read the file', () =>
  opened(async ({ path }, store) => {
    await note(store, 'one')
    for (const suffix of ['', '-wal', '-shm']) expect(statSync(path + suffix).mode & 0o777).toBe(0o600)
  }))

test('only its owner can read a backup, and a store that was restored from one that others can read', async () => {
  const place = await makePlace()
  const store = await place.open([notes])
  await store.backup(place.backupFile)
  await store.close()
  expect(statSync(place.backupFile).mode & 0o777).toBe(0o600)
  chmodSync(place.backupFile, 0o644)
  await restoreStore(place.backupFile, place.path)
  expect(statSync(place.path).mode & 0o777).toBe(0o600)
  await place.remove()
})

test('a file that is not a store is refused and left alone', () =>
  opened(async ({ folder }) => {
    const path = join(folder, 'letter.txt')
    writeFileSync(path, 'Dear reader, '.repeat(1_000))
    expect(await codeOf(openStore(path, { migrations: [notes] }))).toBe('store_damaged')
    expect(await Bun.file(path).text()).toStartWith('Dear reader')
  }))

test('a damaged file is refused with its own failure', async () => {
  const place = await makePlace()
  await (await place.open([notes])).close()
  await damage(place.path)
  expect(await codeOf(place.open([notes]))).toBe('store_damaged')
  await place.remove()
})

test('a folder that is not there is a failure that names the path', async () => {
  const failure = await openStore('/no/such/folder/store.db', { migrations: [] }).catch(
    (error: Error) => error,
  )
  expect(failure).toMatchObject({
    code: 'store_failed',
    message: expect.stringContaining('/no/such/folder/store.db'),
  })
})

test('a transaction waits for that of another process, while the event loop turns', () =>
  opened(async ({ path }, store) => {
    const other = new Database(path)
    other.run('BEGIN IMMEDIATE')
    const written = note(store, 'late')
    // Were the wait a blocking one, this timer would come only after it.
    setTimeout(() => other.run('COMMIT'), 100)
    await written
    expect(await textsIn(store)).toEqual(['late'])
    other.close()
  }))

test('a backup that fails leaves no file', () =>
  opened(async ({ folder }, store) => {
    expect(await codeOf(store.backup(join(folder, 'nowhere', 'backup.db')))).toBe('store_failed')
    expect(readdirSync(folder).filter((name) => name.includes('part'))).toEqual([])
  }))

test('a restored store is as it was at the backup', async () => {
  const place = await makePlace()
  const store = await place.open([notes])
  await note(store, 'before')
  await store.backup(place.backupFile)
  await note(store, 'after')
  await store.close()
  await restoreStore(place.backupFile, place.path)
  const restored = await place.open([notes])
  expect(await textsIn(restored)).toEqual(['before'])
  await restored.close()
  await place.remove()
})

test('a restore forgets what a killed process left in its journal', async () => {
  const place = await makePlace()
  const script = `
    import { openStore } from '${new URL('open.ts', import.meta.url).pathname}'
    const store = await openStore(process.argv[1], { migrations: [{ name: 'notes', steps: [() => ['CREATE TABLE note (text TEXT)']] }] })
    const note = (text) => store.transaction((t) => t.run('INSERT INTO note (text) VALUES ($1)', [[text]]))
    await note('before'); await store.backup(process.argv[2]); await note('after'); process.kill(process.pid, 'SIGKILL')`
  await Bun.spawn([process.execPath, '-e', script, place.path, place.backupFile], { stderr: 'inherit' })
    .exited
  expect(existsSync(`${place.path}-wal`)).toBe(true)
  await restoreStore(place.backupFile, place.path)
  const restored = await place.open([notes])
  expect(await textsIn(restored)).toEqual(['before'])
  await restored.close()
  await place.remove()
})

test('a store that is in use is not replaced', () =>
  opened(async ({ path, backupFile, folder }, store) => {
    await store.backup(backupFile)
    await note(store, 'kept')
    expect(await codeOf(restoreStore(backupFile, path))).toBe('store_busy')
    expect(await textsIn(store)).toEqual(['kept'])
    expect(readdirSync(folder).filter((name) => name.includes('part'))).toEqual([])
  }))

test('a damaged backup is refused before the store is touched', async () => {
  const place = await makePlace()
  const store = await place.open([notes])
  for (let row = 0; row < 500; row += 1) await note(store, 'x'.repeat(100))
  await store.backup(place.backupFile)
  await store.close()
  await damage(place.backupFile)
  expect(await codeOf(restoreStore(place.backupFile, place.path))).toBe('store_damaged')
  const same = await place.open([notes])
  expect(await textsIn(same)).toHaveLength(500)
  await same.close()
  await place.remove()
})

test('a backup is put in the place of a damaged store, which is kept beside it', async () => {
  const place = await makePlace()
  const store = await place.open([notes])
  await note(store, 'before')
  await store.backup(place.backupFile)
  await store.close()
  writeFileSync(place.path, 'not a database at all '.repeat(500))
  await restoreStore(place.backupFile, place.path)
  const restored = await place.open([notes])
  expect(await textsIn(restored)).toEqual(['before'])
  expect(existsSync(`${place.path}.damaged`)).toBe(true)
  await restored.close()
  await place.remove()
})

test('a store is restored where there was none', async () => {
  const place = await makePlace()
  const store = await place.open([notes])
  await store.backup(place.backupFile)
  await store.close()
  const path = join(place.folder, 'new.db')
  await restoreStore(place.backupFile, path)
  const restored = await openStore(path, { migrations: [notes] })
  expect(await textsIn(restored)).toEqual([])
  await restored.close()
  await place.remove()
})
