import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'

import { Failure } from '../../core/failure.ts'
import { outcomes } from '../../core/ledger.ts'
import type { Outcome } from '../../core/ledger.ts'
import { openStore } from '../../store/open.ts'
import type { Store } from '../../store/store.ts'
import { handClock, holdOf, settlementOf } from '../../testing/ledger-rows.ts'
import { Instance, leaseMs } from './instance.ts'
import { ledgerTables } from './schema.ts'
import { Sweeper } from './sweeper.ts'
import { Writer } from './writer.ts'

let folder: string
let stores: readonly Store[]
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inhouse-writer-'))
  const open = (): Promise<Store> => openStore(join(folder, 'ledger.db'), { migrations: [ledgerTables] })
  stores = [await open(), await open()]
})
afterAll(async () => {
  for (const store of stores) await store.close()
  await rm(folder, { recursive: true })
})

/** A store that can be full for a while, which shows at the commit, or gone with its process. */
const fragile = (store: Store) => {
  const state: { is: 'well' | 'full' | 'dead' } = { is: 'well' }
  const transaction: Store['transaction'] = (work) => {
    if (state.is === 'dead') return new Promise(() => {})
    return store.transaction(async (inner) => {
      const result = await work(inner)
      if (state.is === 'full') throw new Failure('store_full', 'No space.')
      return result
    })
  }
  const fragileStore: Store = {
    dialect: store.dialect,
    transaction,
    all: (sql, values) => store.all(sql, values),
    checkpoint: () => store.checkpoint(),
    watch: (onChange) => store.watch(onChange),
    backup: (file) => store.backup(file),
    close: () => store.close(),
  }
  return { state, store: fragileStore }
}

type Step =
  | { readonly do: 'hold' | 'crash' | 'full' | 'well'; readonly at: number }
  | { readonly do: 'settle'; readonly which: number; readonly outcome: Outcome; readonly tokens: number }
  | { readonly do: 'turn' | 'sweep' | 'lapse' }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('hold' as const), at: fc.nat(1) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      which: fc.nat(20),
      outcome: fc.constantFrom(...outcomes),
      tokens: fc.nat(1_000),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom('turn' as const, 'sweep' as const, 'lapse' as const) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('crash' as const, 'full' as const, 'well' as const),
      at: fc.nat(1),
    }),
  },
)

let runs = 0

/** Two processes go through the steps; then both die and their leases end. */
const live = async (steps: readonly Step[]) => {
  const run = `${(runs += 1)}`.padStart(6, '0')
  const clock = handClock()
  const start = (at: number, life: number) => {
    const disk = fragile(stores[at] as Store)
    return { ...disk, writer: new Writer(disk.store, clock, new Instance(`${run}-${at}-${life}`, clock)) }
  }
  const processes = [start(0, 0), start(1, 0)]
  const sweepers = stores.map((of) => new Sweeper(of, clock))
  const sweep = () => Promise.all(sweepers.map((sweeper) => sweeper.sweep()))
  const held: { id: string; at: number }[] = []
  const committed = new Set<string>()
  const refused = new Set<string>()
  const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

  for (const [index, now] of steps.entries()) {
    const process = 'at' in now ? processes[now.at] : undefined
    if (now.do === 'hold' && process !== undefined) {
      const id = `${run}-${String(index).padStart(3, '0')}`
      held.push({ id, at: now.at })
      process.writer.hold(holdOf(id, clock.now(), { key: run, tags: [run] })).then(
        () => committed.add(id),
        () => refused.add(id),
      )
    } else if (now.do === 'settle') {
      const hold = held[now.which % Math.max(1, held.length)]
      const input = { tokens: now.tokens, source: 'reported' as const }
      if (hold === undefined) continue
      processes[hold.at]?.writer.settle(settlementOf(hold.id, { outcome: now.outcome, usage: { input } }))
    } else if (now.do === 'crash' && process !== undefined && 'at' in now) {
      process.state.is = 'dead'
      process.writer.stop()
      processes[now.at] = start(now.at, index)
    } else if (process !== undefined && (now.do === 'full' || now.do === 'well')) process.state.is = now.do
    else if (now.do === 'lapse') clock.at += leaseMs
    else if (now.do === 'sweep') await sweep()
    else await turn()
  }
  for (const { state } of processes) state.is = 'well'
  for (const { writer } of processes) await writer.drain()
  for (let looks = 0; looks < 2; looks++) {
    clock.at += leaseMs
    await sweep()
  }
  return { run, committed, refused, held }
}

const store = (): Store => stores[0] as Store

test('whatever holds, settles, fills, crashes and sweeps: one row for each hold, and sums that are the sums of the rows', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { run, committed, refused, held } = await live(steps)
      const rows = await store().all<{ id: string; outcome: string; input_tokens: number | null }>(
        'SELECT id, outcome, input_tokens FROM ledger_entry WHERE id >= $1 AND id < $2',
        [`${run}-`, `${run}.`],
      )
      const ids = rows.map(({ id }) => id)
      expect(new Set(ids).size).toBe(ids.length)
      for (const id of committed) expect(ids).toContain(id)
      for (const id of refused) expect(ids).not.toContain(id)
      for (const id of ids) expect(held.map((hold) => hold.id)).toContain(id)
      expect(
        await store().all('SELECT id FROM ledger_hold WHERE id >= $1 AND id < $2', [`${run}-`, `${run}.`]),
      ).toEqual([])

      const expected = outcomes
        .map((outcome) => rows.filter((row) => row.outcome === outcome))
        .filter((of) => of.length > 0)
        .map((of) => ({
          outcome: of[0]?.outcome,
          requests: of.length,
          tokens: of.reduce((sum, { input_tokens: tokens }) => sum + (tokens ?? 0), 0),
        }))
        .toSorted((one, other) => String(one.outcome).localeCompare(String(other.outcome)))
      for (const table of ['ledger_day', 'ledger_day_tag']) {
        expect(
          await store().all<(typeof expected)[number]>(
            `SELECT u.outcome AS outcome, SUM(u.requests) AS requests, SUM(u.input_tokens) AS tokens
             FROM ${table} u JOIN ledger_series s ON s.id = u.series WHERE s.key_id = $1 AND u.requests > 0
             GROUP BY u.outcome ORDER BY u.outcome`,
            [run],
          ),
        ).toEqual(expected)
      }
    }),
    // Five milliseconds a run, for each is two processes and their disks.
    { numRuns: Math.min(20_000, Number(process.env['PROPERTY_RUNS'] ?? 1_000)) },
  )
}, 120_000)

test('all holds and settlements of one turn of the event loop share one transaction', async () => {
  const clock = handClock()
  let transactions = 0
  const counting: Store = {
    ...fragile(store()).store,
    transaction: (work) => {
      transactions += 1
      return store().transaction(work)
    },
  }
  const writer = new Writer(counting, clock, new Instance('counting', clock))
  const ids = Array.from({ length: 50 }, (_, at) => `count-${at}`)
  await Promise.all(ids.map((id) => writer.hold(holdOf(id, clock.now()))))
  expect(transactions).toBe(1)
  for (const id of ids) writer.settle(settlementOf(id))
  await writer.drain()
  expect(transactions).toBe(2)
})

test('a hold is refused while the disk is full; settlements are kept and written when there is room', async () => {
  const clock = handClock()
  const disk = fragile(store())
  const writer = new Writer(disk.store, clock, new Instance('full', clock))
  await writer.hold(holdOf('full-a', clock.now()))
  disk.state.is = 'full'
  writer.settle(settlementOf('full-a'))
  expect(await writer.hold(holdOf('full-b', clock.now())).catch((error: Failure) => error.code)).toBe(
    'store_full',
  )
  expect(await writer.drain()).toMatchObject({ code: 'store_full' })
  disk.state.is = 'well'
  await writer.hold(holdOf('full-c', clock.now()))
  await writer.drain()
  const entries = await store().all("SELECT id FROM ledger_entry WHERE id LIKE 'full-%'")
  const holds = await store().all("SELECT id FROM ledger_hold WHERE id LIKE 'full-%'")
  expect([entries, holds]).toEqual([[{ id: 'full-a' }], [{ id: 'full-c' }]])
})

test('a settlement that could not be written is tried again without another request', async () => {
  const clock = handClock()
  let onCommit = (): void => {}
  const disk = fragile({
    ...fragile(store()).store,
    transaction: async (work) => {
      const result = await store().transaction(work)
      onCommit()
      return result
    },
  })
  const writer = new Writer(disk.store, clock, new Instance('again', clock))
  await writer.hold(holdOf('again-a', clock.now()))
  disk.state.is = 'full'
  writer.settle(settlementOf('again-a'))
  expect(await writer.flush()).toMatchObject({ code: 'store_full' })
  const written = Promise.withResolvers<void>()
  onCommit = written.resolve
  disk.state.is = 'well'
  await written.promise
  expect(await store().all("SELECT id FROM ledger_entry WHERE id LIKE 'again-%'")).toEqual([
    { id: 'again-a' },
  ])
})

test('what a refused hold had written beside it, its names and the lease, is written again with the next', async () => {
  const clock = handClock()
  const disk = fragile(store())
  const writer = new Writer(disk.store, clock, new Instance('beside', clock))
  const other = new Writer(store(), clock, new Instance('beside-other', clock))
  disk.state.is = 'full'
  const refused = writer.hold(holdOf('beside-a', clock.now(), { key: 'beside-key' }))
  expect(await refused.catch((error: Failure) => error.code)).toBe('store_full')
  disk.state.is = 'well'
  // Takes the number that the refused hold’s names would have had.
  await other.hold(holdOf('beside-b', clock.now(), { key: 'other-key' }))
  await writer.hold(holdOf('beside-c', clock.now(), { key: 'beside-key' }))
  expect(
    await store().all(
      `SELECT h.id, s.key_id FROM ledger_hold h JOIN ledger_series s ON s.id = h.series
       WHERE h.id LIKE 'beside-%' ORDER BY h.id`,
    ),
  ).toEqual([
    { id: 'beside-b', key_id: 'other-key' },
    { id: 'beside-c', key_id: 'beside-key' },
  ])
  await new Sweeper(store(), clock).sweep()
  expect(await store().all("SELECT id FROM ledger_hold WHERE id = 'beside-c'")).toHaveLength(1)
})
