/**
 * The ledger at size: `bun bench/ledger.ts [rows]`. Fills a store with synthetic entries of 90 days, 200 keys and 6
 * models, then asks for usage and measures what a hold with its settlement costs in the empty and in the full store.
 */
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Grouping } from '../src/account/ledger/usage.ts'
import type { Hold, Settlement } from '../src/core/ledger.ts'
import { openLedger } from '../src/account/ledger/ledger.ts'
import type { Ledger } from '../src/account/ledger/ledger.ts'
import { entryFigures, ledgerTables, measures, seriesFields } from '../src/account/ledger/schema.ts'
import { reported } from '../src/core/usage.ts'
import { openStore } from '../src/store/open.ts'
import type { Store } from '../src/store/store.ts'
import { median, rounded } from './statistics.ts'

export interface LedgerFigures {
  readonly rows: number
  readonly fillSeconds: number
  readonly megabytes: number
  readonly rollupRows: number
  /** Milliseconds of `usage --days 30`, median of five, by grouping. */
  readonly usageMs: Readonly<Record<string, number>>
  /** CPU microseconds of a hold with its settlement, ten at a time, with what the loop itself costs taken off. */
  readonly requestMicros: { readonly empty: number; readonly full: number }
}

const days = 90
const keys = 200
const models = 6
const series = keys * models
const concurrency = 10
const requests = 100_000
const dayMs = 86_400_000

export const measureLedger = async (rows: number): Promise<LedgerFigures> => {
  const folder = await mkdtemp(join(tmpdir(), 'inhouse-bench-'))
  const path = join(folder, 'ledger.db')
  try {
    const store = await openStore(path, { migrations: [ledgerTables] })
    const clock = { now: () => Date.now(), tick: () => performance.now() }
    const ledger = await openLedger({ store, clock, instance: 'bench' })
    const empty = await requestMicros(ledger)
    const fillSeconds = await secondsOf(() => fill(store, rows))
    const usageMs: Record<string, number> = {}
    for (const by of ['model', 'key', 'day', 'tag'] as const) usageMs[by] = await usageTime(ledger, by)
    const full = await requestMicros(ledger)
    const [{ rollupRows } = { rollupRows: 0 }] = await store.all<{ rollupRows: number }>(
      'SELECT COUNT(*) AS "rollupRows" FROM ledger_day',
    )
    await ledger.close()
    await store.close()
    const megabytes = Math.round((await stat(path)).size / 1e6)
    return { rows, fillSeconds, megabytes, rollupRows, usageMs, requestMicros: { empty, full } }
  } finally {
    await rm(folder, { recursive: true })
  }
}

const secondsOf = async (work: () => Promise<unknown>): Promise<number> => {
  const start = performance.now()
  await work()
  return rounded((performance.now() - start) / 1_000)
}

const usageTime = async (ledger: Ledger, by: Grouping): Promise<number> => {
  const times: number[] = []
  for (let round = 0; round < 5; round += 1) {
    times.push((await secondsOf(() => ledger.usage({ by: [by], days: 30 }))) * 1_000)
  }
  return rounded(median(times))
}

/** Rows are made by the database itself: as they would be after as many requests, in a minute. */
const fill = (store: Store, rows: number): Promise<void> =>
  store.transaction(async (transaction) => {
    const run = (sql: string): Promise<unknown> => transaction.run(sql, [[]])
    const now = Date.now()
    const names = seriesFields.map((name) => seriesText[name] ?? "'same'").join(', ')
    await run(`INSERT INTO ledger_series (id, ${seriesFields.join(', ')})
      ${counting(series)} SELECT i + 1000, ${names} FROM n`)
    await run(`INSERT INTO ledger_decision (id, digest, json, last_day)
      VALUES (1000, '', '${JSON.stringify(decision)}', ${Math.floor(now / dayMs)})`)
    const figures = entryFigures.map((_, at) => `abs(random() % ${1_000 * (at + 1)})`).join(', ')
    await run(`INSERT INTO ledger_entry (id, at, series, decision, tags, attempts, outcome, count_sources,
      ${entryFigures.join(', ')})
      ${counting(rows)} SELECT printf('00000000-%012d', i), ${now - days * dayMs} + i * ${days * dayMs} / ${rows},
        1000 + abs(random() % ${series}), 1000, '["tag"]', '[[0.25,1234.5]]',
        CASE abs(random() % 20) WHEN 0 THEN 'failed' WHEN 1 THEN 'left' ELSE 'done' END, 'rrr--', ${figures} FROM n`)
    const sums = measures.map((name) => `SUM(${measureText[name] ?? name})`).join(', ')
    await run(`INSERT INTO ledger_day SELECT at / ${dayMs}, series, outcome, ${sums} FROM ledger_entry
      WHERE series >= 1000 GROUP BY 1, 2, 3`)
    await run(`INSERT INTO ledger_day_tag SELECT day, 'tag-' || (series % 20), series, outcome, ${measures.join(', ')}
      FROM ledger_day WHERE series >= 1000`)
  })

const counting = (count: number): string =>
  `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${count - 1})`

const seriesText: Partial<Record<string, string>> = {
  key_id: `'key_' || (i % ${keys})`,
  served_model: `'model-' || (i / ${keys})`,
  team: "'team-' || (i % 20)",
}
const measureText: Partial<Record<string, string>> = {
  requests: '1',
  estimated_tokens: '0',
  first_events: '1',
}

const target = { row: 'small', backend: 'here', model: 'small', place: 'local' }
const decision: Hold['decision'] = {
  asked: 'small',
  label: 'internal',
  considered: [
    { ...target, verdict: 'eligible', reasons: [{ code: 'named', text: 'The client named this model.' }] },
  ],
  attempts: [],
  reasons: [{ code: 'direct', text: 'The name is a row of models.' }],
}

let made = 0
const holdNow = (): Hold => ({
  id: `${Date.now().toString(36)}-${String((made += 1)).padStart(9, '0')}`,
  at: Date.now(),
  key: `key_${made % keys}`,
  team: undefined,
  tags: [],
  operation: 'chat',
  surface: 'openai-chat',
  askedModel: 'small',
  servedModel: 'small',
  backend: 'here',
  place: 'local',
  label: 'internal',
  decision: { ...decision },
})

const settlementOf = ({ id }: Hold): Settlement => ({
  id,
  outcome: 'done',
  servedModel: 'small',
  backend: 'here',
  place: 'local',
  decision: {
    ...decision,
    attempts: [{ ...target, outcome: 'answered', status: 200, queueMs: 0.1, tookMs: 12.5 }],
  },
  usage: { input: reported(250), output: reported(40) },
  queueMs: 0.1,
  firstEventMs: 3.5,
  totalMs: 12.75,
})

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

const requestMicros = async (ledger: Ledger): Promise<number> => {
  const written = async (): Promise<void> => {
    const hold = holdNow()
    await ledger.hold(hold)
    await turn()
    ledger.settle(settlementOf(hold))
  }
  const imagined = async (): Promise<void> => {
    const hold = holdNow()
    await turn()
    await turn()
    settlementOf(hold)
  }
  await cpuMicrosOf(written)
  const times: number[] = []
  for (let round = 0; round < 3; round += 1) {
    times.push((await cpuMicrosOf(written)) - (await cpuMicrosOf(imagined)))
  }
  return rounded(median(times))
}

const cpuMicrosOf = async (request: () => Promise<void>): Promise<number> => {
  const before = process.cpuUsage()
  const client = async (): Promise<void> => {
    for (let at = 0; at < requests / concurrency; at += 1) await request()
  }
  await Promise.all(Array.from({ length: concurrency }, client))
  const { user, system } = process.cpuUsage(before)
  return (user + system) / requests
}

if (import.meta.main) {
  console.log(JSON.stringify(await measureLedger(Number(process.argv[2] ?? 10_000_000)), undefined, 2))
}
