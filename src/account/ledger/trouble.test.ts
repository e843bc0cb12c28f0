import { Database } from 'bun:sqlite'
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { statfsSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Failure } from '../../core/failure.ts'
import { openStore } from '../../store/open.ts'
import type { Store } from '../../store/store.ts'
import { handClock, holdOf, settlementOf } from '../../testing/ledger-rows.ts'
import { Instance } from './instance.ts'
import { openLedger } from './ledger.ts'
import { ledgerTables } from './schema.ts'
import { Writer } from './writer.ts'

let folder: string
let store: Store
const path = (): string => join(folder, 'ledger.db')
const open = (): Promise<Store> => openStore(path(), { migrations: [ledgerTables] })
const codeOf = (failure: Failure): string => failure.code

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inhouse-trouble-'))
})
afterEach(async () => {
  await store.close()
  await rm(folder, { recursive: true })
})

/** The tables take no lease and no hold until it is called off: what a disk would do, without one. */
function refuseWrites(): () => void {
  const db = new Database(path())
  db.run('PRAGMA busy_timeout = 5000')
  const each = ['INSERT ON ledger_hold', 'INSERT ON ledger_instance', 'UPDATE ON ledger_instance']
  for (const [at, what] of each.entries())
    db.run(`CREATE TRIGGER broken_${at} BEFORE ${what} BEGIN SELECT RAISE(ABORT, 'broken'); END`)
  return () => {
    for (const at of each.keys()) db.run(`DROP TRIGGER broken_${at}`)
    db.close()
  }
}

/** Resolves when the ledger says so; it tries on its own. */
const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await Bun.sleep(5)
}

test('a ledger that refused a hold is in trouble until it can write again, and finds that out without a call', async () => {
  store = await open()
  const writer = new Writer(store, handClock(), new Instance('one', handClock()))
  await writer.hold(holdOf('a', 0))
  expect(writer.trouble).toBeUndefined()
  const mend = refuseWrites()
  expect(await writer.hold(holdOf('b', 0)).catch(codeOf)).toBe('store_failed')
  expect(writer.trouble?.code).toBe('store_failed')
  expect(await writer.flush()).toBe(writer.trouble)
  mend()
  await until(() => writer.trouble === undefined)
  await writer.hold(holdOf('c', 0))
  writer.stop()
})

test('a ledger whose lease cannot be renewed is in trouble before anybody calls', async () => {
  store = await open()
  const writer = new Writer(store, handClock(), new Instance('one', handClock()))
  const mend = refuseWrites()
  expect(await writer.renew()).toMatchObject({ code: 'store_failed' })
  expect(writer.trouble?.code).toBe('store_failed')
  mend()
  expect(await writer.renew()).toBeUndefined()
  expect(writer.trouble).toBeUndefined()
  writer.stop()
})

const small = await mkdtemp(join(tmpdir(), 'inhouse-small-'))
const isMounted = Bun.spawnSync(['mount', '-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', small]).success
if (!isMounted) await rm(small, { recursive: true })

test.skipIf(!isMounted)(
  'a full disk is trouble for as long as it is full, however often it is tried, and none when there is room',
  async () => {
    const clock = handClock()
    store = await openStore(join(small, 'ledger.db'), { migrations: [ledgerTables] })
    const ledger = await openLedger({ store, clock, instance: 'one' })
    let made = 0
    const hold = (): Promise<string> => {
      const id = `a${String((made += 1)).padStart(6, '0')}`
      return ledger.hold(holdOf(id, clock.now(), { tags: [id.repeat(20)] })).then(() => id, codeOf)
    }
    try {
      const held = await hold()
      const { bavail, bsize } = statfsSync(small)
      writeFileSync(join(small, 'ballast'), Buffer.alloc(bavail * bsize))
      while ((await hold()) !== 'store_full');
      for (let tries = 0; tries < 50; tries += 1) {
        clock.at += 1
        await ledger.usage({ by: [] })
        expect(ledger.trouble?.code).toBe('store_full')
      }
      ledger.settle(settlementOf(held))
      await rm(join(small, 'ballast'))
      await until(() => ledger.trouble === undefined)
      expect((await ledger.usage({ by: [] })).total).toMatchObject({ requests: 1 })
      await ledger.close()
    } finally {
      await store.close()
      Bun.spawnSync(['umount', small])
      await rm(small, { recursive: true })
    }
  },
)
