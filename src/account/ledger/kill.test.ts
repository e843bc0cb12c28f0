import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { openStore } from '../../store/open.ts'
import type { Store } from '../../store/store.ts'
import { leaseMs } from './instance.ts'
import { ledgerTables } from './schema.ts'
import { Sweeper } from './sweeper.ts'
import { handClock } from '../../testing/ledger-rows.ts'

const runs = Number(process.env['KILL_RUNS'] ?? 50)
const child = new URL('../../testing/kill.child.ts', import.meta.url).pathname

let folder: string
let path: string
let store: Store
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inhouse-kill-'))
  path = join(folder, 'ledger.db')
})
afterAll(async () => {
  await store.close()
  await rm(folder, { recursive: true })
})

/** Runs the child, kills it after so many milliseconds, and answers the holds that it was told are committed. */
const killAfter = async (ms: number, run: string): Promise<readonly string[]> => {
  const process_ = Bun.spawn([process.execPath, child, path, run], { stdout: 'pipe', stderr: 'inherit' })
  const told = new Response(process_.stdout).text()
  await Bun.sleep(ms)
  process_.kill('SIGKILL')
  await process_.exited
  // A line that the kill cut off was never said.
  return (await told).split('\n').slice(0, -1)
}

const idsIn = async (table: string, run: string): Promise<readonly string[]> =>
  (
    await store.all<{ id: string }>(`SELECT id FROM ${table} WHERE id >= $1 AND id < $2`, [
      `${run}-`,
      `${run}.`,
    ])
  ).map(({ id }) => id)

test(
  `a process killed with SIGKILL at any point, ${runs} times, loses no acknowledged hold and writes none twice`,
  async () => {
    let acknowledged = 0
    for (let at = 0; at < runs; at += 1) {
      const run = `run${String(at).padStart(5, '0')}`
      const told = await killAfter(Math.random() * 160, run)
      acknowledged += told.length
      store ??= await openStore(path, { migrations: [ledgerTables] })
      const open = await idsIn('ledger_hold', run)
      const settled = await idsIn('ledger_entry', run)
      const all = new Set([...open, ...settled])
      expect(all.size).toBe(open.length + settled.length)
      expect(told.filter((id) => !all.has(id))).toEqual([])
      const clock = handClock(Date.now() + leaseMs)
      const sweeper = new Sweeper(store, clock)
      expect(await sweeper.sweep()).toBe(0)
      clock.at += leaseMs
      expect(await sweeper.sweep()).toBe(open.length)
      expect(new Set(await idsIn('ledger_entry', run))).toEqual(all)
    }
    expect(acknowledged).toBeGreaterThan(runs)
    expect(await store.all('SELECT id FROM ledger_hold')).toEqual([])
    for (const table of ['ledger_day', 'ledger_day_tag']) {
      expect(
        await store.all(
          `SELECT outcome, SUM(requests) AS requests FROM ${table} GROUP BY outcome ORDER BY outcome`,
        ),
      ).toEqual(
        await store.all(
          'SELECT outcome, COUNT(*) AS requests FROM ledger_entry GROUP BY outcome ORDER BY outcome',
        ),
      )
    }
  },
  runs * 2_000,
)
