import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Hold } from '../../core/ledger.ts'
import { openStore } from '../../store/open.ts'
import type { Store } from '../../store/store.ts'
import { handClock, holdOf, settlementOf } from '../../testing/ledger-rows.ts'
import { openLedger, type Ledger } from './ledger.ts'
import { ledgerTables } from './schema.ts'

const dayMs = 86_400_000
const clock = handClock()
let folder: string
let store: Store
let ledger: Ledger
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inhouse-names-'))
  store = await openStore(join(folder, 'ledger.db'), { migrations: [ledgerTables] })
  ledger = await openLedger({ store, clock, instance: 'one' })
})
afterAll(async () => {
  await ledger.close()
  await store.close()
  await rm(folder, { recursive: true })
})

let calls = 0

/** A call under a wildcard that passes the name on, from its hold to its end. */
const call = async (name: string, changes: Partial<Hold> = {}): Promise<string> => {
  const id = `call-${String((calls += 1)).padStart(6, '0')}`
  const row = 'openai/*'
  await ledger.hold(holdOf(id, clock.now(), { askedModel: name, servedModel: name, row, ...changes }))
  ledger.settle(settlementOf(id, { servedModel: name }))
  return id
}
const random = (count: number, more: Partial<Hold> = {}): Promise<string[]> =>
  Promise.all(Array.from({ length: count }, () => call(`openai/${crypto.randomUUID()}`, more)))
const series = async (key: string): Promise<number> =>
  (await store.all('SELECT id FROM ledger_series WHERE key_id = $1', [key])).length
const requests = async (key: string, by: 'model' | 'asked' | 'tag'): Promise<Record<string, number>> => {
  const { rows } = await ledger.usage({ by: [by, 'key'], limit: 10_000 })
  return Object.fromEntries(rows.filter((row) => row.key === key).map((row) => [row[by] ?? '', row.requests]))
}

test('a client that makes up names grows the ledger up to a bound a day; the rest counts for the row', async () => {
  await call('openai/honest', { key: 'wild' })
  await random(3_000, { key: 'wild' })
  await call('openai/honest', { key: 'wild' })
  const [last = ''] = await random(1, { key: 'wild' })
  for (const by of ['model', 'asked'] as const) {
    const usage = await requests('wild', by)
    expect(Object.keys(usage)).toHaveLength(1_001)
    expect([usage['openai/honest'], usage['openai/*']]).toEqual([2, 2_002])
  }
  expect(await series('wild')).toBe(1_001)
  expect(await ledger.find(last)).toMatchObject({ askedModel: 'openai/*', servedModel: 'openai/*' })
})

test('what one key makes up takes no name from another, nor from the next day', async () => {
  await random(1_200, { key: 'loud' })
  await call('openai/gpt', { key: 'quiet' })
  expect(await requests('quiet', 'model')).toEqual({ 'openai/gpt': 1 })
  clock.at += dayMs
  await call('openai/gpt', { key: 'loud' })
  expect((await requests('loud', 'model'))['openai/gpt']).toBe(1)
})

test('names that are rows are written as they are, however many there are', async () => {
  const names = Array.from({ length: 1_500 }, (_, at) => `row-${at}`)
  await Promise.all(names.map((row) => call(row, { key: 'rows', row })))
  expect(Object.keys(await requests('rows', 'asked'))).toHaveLength(1_500)
})

test('what answered in the end keeps its name where it is a row of its own', async () => {
  await random(1_000, { key: 'alias' })
  await ledger.hold(
    holdOf('alias-1', clock.now(), {
      key: 'alias',
      askedModel: 'openai/x',
      servedModel: 'claude',
      row: 'openai/*',
    }),
  )
  ledger.settle(settlementOf('alias-1', { servedModel: 'haiku' }))
  expect((await requests('alias', 'model'))['haiku']).toBe(1)
  expect((await requests('alias', 'asked'))['openai/*']).toBe(1)
})

test('tags that clients make up are bounded in the same way', async () => {
  const tags = Array.from({ length: 1_500 }, (_, at) => `tag-${at}`)
  await Promise.all(tags.map((tag) => call('small', { key: 'tagged', row: 'small', tags: ['team', tag] })))
  const usage = await requests('tagged', 'tag')
  expect([Object.keys(usage).length, usage['team'], usage['(other)']]).toEqual([1_001, 1_500, 501])
})
