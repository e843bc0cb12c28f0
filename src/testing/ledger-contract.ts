import { afterEach, beforeEach, describe, expect, test } from 'bun:test'

import type { Decision } from '../core/decision.ts'
import type { Failure } from '../core/failure.ts'
import { reported } from '../core/usage.ts'
import type { Store } from '../store/store.ts'
import { dayMs } from '../account/ledger/days.ts'
import { handClock, heldDecision, holdOf, settlementOf } from './ledger-rows.ts'
import { beatMs, leaseMs } from '../account/ledger/instance.ts'
import { openLedger } from '../account/ledger/ledger.ts'
import type { Ledger } from '../account/ledger/ledger.ts'
import { compact } from '../account/ledger/retention.ts'

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'resolved',
    (error: Failure) => error.code,
  )

const tables = [
  'ledger_hold',
  'ledger_entry',
  'ledger_series',
  'ledger_decision',
  'ledger_day',
  'ledger_day_tag',
]

/** What the ledger does on every store. `open` gives a second and third store on the same tables, too. */
export const ledgerContract = (
  name: string,
  makePlace: () => Promise<{ open(): Promise<Store>; remove(): Promise<void> }>,
): void => {
  describe(`the ledger on ${name}`, () => {
    let place: Awaited<ReturnType<typeof makePlace>>
    let store: Store
    let ledger: Ledger
    let clock: ReturnType<typeof handClock>
    beforeEach(async () => {
      place = await makePlace()
      store = await place.open()
      clock = handClock()
      ledger = await openLedger({ store, clock, instance: 'first' })
    })
    afterEach(async () => {
      await ledger.close()
      await store.close()
      await place.remove()
    })

    const write = async (id: string, changes: Parameters<typeof holdOf>[2] = {}, end = {}): Promise<void> => {
      await ledger.hold(holdOf(id, clock.now(), changes))
      ledger.settle(settlementOf(id, end))
    }
    const count = async (table: string): Promise<number> =>
      (await store.all(`SELECT 1 AS one FROM ${table}`)).length

    test('a hold is there when its promise resolves, and is open', async () => {
      await ledger.hold(holdOf('a', clock.now()))
      expect(await ledger.find('a')).toMatchObject({ id: 'a', outcome: 'open', decision: heldDecision })
      const { rows, total } = await ledger.usage({ by: ['model'] })
      expect(total).toMatchObject({ requests: 0, inFlight: 1 })
      expect(rows).toMatchObject([{ model: 'smollm2', requests: 0, inFlight: 1 }])
    })

    test('a settled entry has every field of its hold and its settlement', async () => {
      const decision: Decision = {
        ...heldDecision,
        attempts: [
          {
            row: 'smart',
            backend: 'cloud',
            model: 'large',
            place: 'cloud',
            outcome: 'failed',
            failure: 'stalled',
            status: 504,
            queueMs: 1.5,
            tookMs: 20.125,
          },
          {
            row: 'small',
            backend: 'here',
            model: 'smollm2',
            place: 'local',
            outcome: 'answered',
            status: 200,
            queueMs: 0,
            tookMs: 7,
          },
        ],
      }
      const hold = holdOf('a', clock.now(), {
        team: 'red',
        tags: ['x', 'y'],
        label: 'personal',
        reserved: { nano: 90, currency: 'EUR' },
      })
      const settlement = settlementOf('a', {
        outcome: 'failed',
        failure: 'upstream_cut',
        servedModel: 'other',
        backend: 'gpu',
        place: 'office',
        usage: {
          input: { tokens: 11, source: 'counted' },
          output: { tokens: 7, source: 'estimated' },
          cached: reported(3),
          cacheWrite: reported(2),
          reasoning: reported(1),
        },
        queueMs: 1.5,
        firstEventMs: 2.25,
        totalMs: 30.125,
        prefillMs: 4,
        decodeMs: 5.5,
        decision,
        cost: { nano: 42, currency: 'EUR' },
      })
      await ledger.hold(hold)
      ledger.settle(settlement)
      const { reserved: _reserved, ...kept } = hold
      expect(await ledger.find('a')).toEqual({ ...kept, ...settlement })
    })

    test('what nobody said is absent, not zero', async () => {
      const { firstEventMs: _none, ...silent } = settlementOf('a', { usage: {} })
      await ledger.hold(holdOf('a', clock.now()))
      ledger.settle(silent)
      expect(await ledger.find('a')).toEqual({ ...holdOf('a', clock.now()), ...silent })
    })

    test('a second settlement changes nothing, and neither does one without a hold', async () => {
      await write('a')
      ledger.settle(settlementOf('a', { outcome: 'failed' }))
      await ledger.usage({ by: [] })
      ledger.settle(settlementOf('a', { outcome: 'left' }))
      ledger.settle(settlementOf('never-held'))
      expect((await ledger.recent()).map(({ id, outcome }) => [id, outcome])).toEqual([['a', 'done']])
      expect((await ledger.usage({ by: [] })).total).toMatchObject({ requests: 1, failed: 0, left: 0 })
    })

    test('a settlement that comes before its hold is committed is kept', async () => {
      const held = ledger.hold(holdOf('a', clock.now()))
      ledger.settle(settlementOf('a', { outcome: 'left' }))
      await held
      expect(await ledger.find('a')).toMatchObject({ outcome: 'left' })
    })

    test('the open holds of a process whose lease has ended become lost, once, whoever sweeps', async () => {
      const dead = await openLedger({ store, clock, instance: 'dead' })
      await dead.hold(holdOf('a', clock.now(), { tags: ['x'] }))
      await dead.hold(holdOf('b', clock.now()))
      expect(await ledger.sweep()).toBe(0)
      clock.at += leaseMs
      const others = await Promise.all([place.open(), place.open()])
      const sweepers = await Promise.all(
        others.map((other, at) => openLedger({ store: other, clock, instance: `sweeper-${at}` })),
      )
      const sweep = async (): Promise<number> => {
        const swept = await Promise.all([ledger, ...sweepers].map((sweeper) => sweeper.sweep()))
        return swept.reduce((sum, one) => sum + one)
      }
      clock.at += beatMs - 1
      expect(await sweep()).toBe(0)
      clock.at += 1
      expect(await sweep()).toBe(2)
      expect((await ledger.recent()).map(({ id, outcome }) => [id, outcome])).toEqual([
        ['b', 'lost'],
        ['a', 'lost'],
      ])
      expect(await ledger.find('a')).toMatchObject({ decision: heldDecision, usage: {}, tags: ['x'] })
      expect((await ledger.usage({ by: ['tag'] })).rows).toMatchObject([{ tag: 'x', requests: 1, lost: 1 }])
      expect((await ledger.usage({ by: [] })).total).toMatchObject({ requests: 2, lost: 2, inFlight: 0 })
      await dead.close()
      for (const sweeper of sweepers) await sweeper.close()
      for (const other of others) await other.close()
    })

    test('a process that lives keeps its holds when the clock jumps over its lease', async () => {
      await ledger.hold(holdOf('a', clock.now()))
      clock.at += leaseMs * 4
      const other = await openLedger({ store, clock, instance: 'other' })
      // Renews the lease, as its next beat would; then the clock jumps again.
      await ledger.hold(holdOf('b', clock.now()))
      clock.at += leaseMs * 4
      expect(await other.sweep()).toBe(0)
      await other.close()
      expect(await ledger.find('a')).toMatchObject({ outcome: 'open' })
    })

    test('what was given up as lost is settled when its process wakes up, and is added up as what it was', async () => {
      await ledger.hold(holdOf('a', clock.now(), { tags: ['x', 'y'] }))
      await ledger.hold(holdOf('b', clock.now(), { tags: ['x'] }))
      const other = await openLedger({ store, clock, instance: 'other' })
      clock.at += leaseMs
      expect(await other.sweep()).toBe(0)
      clock.at += beatMs
      expect(await other.sweep()).toBe(2)
      ledger.settle(settlementOf('a', { servedModel: 'large' }))
      expect(await ledger.find('a')).toMatchObject({
        outcome: 'done',
        usage: settlementOf('a').usage,
        decision: settlementOf('a').decision,
      })
      const by = async (...names: NonNullable<Parameters<Ledger['usage']>[0]>['by']) =>
        (await ledger.usage({ by: names })).rows.map((row) =>
          names.map((each): unknown => row[each]).concat(row.requests, row.inputTokens),
        )
      expect(await by('outcome', 'model')).toEqual([
        ['done', 'large', 1, 100],
        ['lost', 'smollm2', 1, 0],
      ])
      expect((await by('tag', 'outcome')).toSorted((a, b) => String(a).localeCompare(String(b)))).toEqual([
        ['x', 'done', 1, 100],
        ['x', 'lost', 1, 0],
        ['y', 'done', 1, 100],
      ])
      await other.close()
    })

    test('a process that slept through its lease takes a new one with its next hold', async () => {
      clock.at += leaseMs * 10
      await ledger.hold(holdOf('a', clock.now()))
      const other = await openLedger({ store, clock, instance: 'other' })
      expect(await other.sweep()).toBe(0)
      await other.close()
      ledger.settle(settlementOf('a'))
      expect(await ledger.find('a')).toMatchObject({ outcome: 'done' })
    })

    test('a ledger that is closed has settled what was settled, and lost what was open', async () => {
      const other = await openLedger({ store, clock, instance: 'other' })
      await other.hold(holdOf('a', clock.now()))
      await other.hold(holdOf('b', clock.now()))
      other.settle(settlementOf('a'))
      await other.close()
      expect(await ledger.find('a')).toMatchObject({ outcome: 'done' })
      expect(await ledger.find('b')).toMatchObject({ outcome: 'lost' })
      expect(await count('ledger_hold')).toBe(0)
    })

    test('usage adds up by every grouping, and its total counts each request once', async () => {
      await write('a', { key: 'k1', team: 'red', tags: ['x', 'y'] })
      await write('b', { key: 'k2', team: 'red', tags: ['x'] }, { outcome: 'left', usage: {} })
      await write(
        'c',
        {
          key: 'k2',
          askedModel: 'auto',
          label: 'personal',
          operation: 'embed',
          surface: 'openai-embeddings',
        },
        {
          servedModel: 'large',
          backend: 'cloud',
          place: 'cloud',
          outcome: 'failed',
          failure: 'stalled',
          usage: { input: { tokens: 300, source: 'estimated' }, output: reported(100) },
        },
      )
      const by = async (...names: NonNullable<Parameters<Ledger['usage']>[0]>['by']) =>
        (await ledger.usage({ by: names })).rows.map((row) =>
          names.map((each): unknown => row[each]).concat(row.requests),
        )
      expect(await by('key')).toEqual([
        ['k2', 2],
        ['k1', 1],
      ])
      expect(await by('team')).toEqual([
        ['', 1],
        ['red', 2],
      ])
      expect(await by('model')).toEqual([
        ['large', 1],
        ['smollm2', 2],
      ])
      expect(await by('asked')).toEqual([
        ['auto', 1],
        ['small', 2],
      ])
      expect(await by('backend')).toEqual([
        ['cloud', 1],
        ['here', 2],
      ])
      expect(await by('place')).toEqual([
        ['cloud', 1],
        ['local', 2],
      ])
      expect(await by('operation')).toEqual([
        ['embed', 1],
        ['chat', 2],
      ])
      expect(await by('surface')).toEqual([
        ['openai-embeddings', 1],
        ['openai-chat', 2],
      ])
      expect(await by('label')).toEqual([
        ['personal', 1],
        ['internal', 2],
      ])
      expect(await by('outcome')).toEqual([
        ['failed', 1],
        ['done', 1],
        ['left', 1],
      ])
      expect(await by('day')).toEqual([['2026-11-21', 3]])
      const tags = (await ledger.usage({ by: ['tag'] })).rows.map(({ tag, requests }) => `${tag} ${requests}`)
      expect(new Set(tags)).toEqual(new Set(['x 2', 'y 1']))
      expect(await by('key', 'model')).toEqual([
        ['k2', 'large', 1],
        ['k1', 'smollm2', 1],
        ['k2', 'smollm2', 1],
      ])
      const { total } = await ledger.usage({ by: ['tag'] })
      expect(total).toMatchObject({ requests: 3, failed: 1, left: 1, inputTokens: 400, outputTokens: 120 })
      expect(total.estimatedShare).toBeCloseTo(300 / 520)
      expect(total.totalMs).toBe(39)
      expect(total.meanFirstEventMs).toBe(4.5)
    })

    test('a request counts once for a tag that it has twice, also while it is open', async () => {
      await write('a', { tags: ['x', 'x'] })
      await ledger.hold(holdOf('b', clock.now(), { tags: ['x', 'x'] }))
      const { rows } = await ledger.usage({ by: ['tag'] })
      expect(rows).toMatchObject([{ tag: 'x', requests: 1, inFlight: 1 }])
    })

    test('costs of two currencies are two sums', async () => {
      await write('a', {}, { cost: { nano: 20, currency: 'EUR' } })
      await write('b', {}, { cost: { nano: 5, currency: 'USD' } })
      await write('c', {}, { cost: { nano: 1, currency: 'EUR' } })
      const { rows } = await ledger.usage({ by: ['model'] })
      expect(rows).toHaveLength(1)
      expect(rows[0]?.cost.toSorted((one, other) => one.nano - other.nano)).toEqual([
        { nano: 5, currency: 'USD' },
        { nano: 21, currency: 'EUR' },
      ])
    })

    test('usage counts the days that were asked for, in UTC, both ends included', async () => {
      clock.at = Date.UTC(2026, 10, 19, 23, 59, 59)
      await write('a')
      clock.at = Date.UTC(2026, 10, 20)
      await write('b')
      clock.at = Date.UTC(2026, 10, 21, 12)
      await write('c')
      const days = async (question: object) =>
        (await ledger.usage({ by: ['day'], ...question })).rows.map(({ day }) => day)
      expect(await days({})).toEqual(['2026-11-19', '2026-11-20', '2026-11-21'])
      expect(await days({ days: 2 })).toEqual(['2026-11-20', '2026-11-21'])
      expect(await days({ from: '2026-11-19', to: '2026-11-20' })).toEqual(['2026-11-19', '2026-11-20'])
      expect(await codeOf(ledger.usage({ by: ['day'], from: 'yesterday' }))).toBe('bad_request')
      for (const to of ['2026-13-40', '2026-02-31'])
        expect(await codeOf(ledger.usage({ by: ['day'], to }))).toBe('bad_request')
    })

    test('a limit cuts the rows, not the total', async () => {
      for (const id of ['a', 'b', 'c']) await write(id, { key: id })
      const { rows, total } = await ledger.usage({ by: ['key'], limit: 2 })
      expect(rows).toHaveLength(2)
      expect(total.requests).toBe(3)
    })

    test('an entry is found by the beginning of its id, unless several begin so', async () => {
      await write('req_abc1')
      await write('req_abc')
      await ledger.hold(holdOf('req_b', clock.now()))
      expect(await ledger.find('req_abc1')).toMatchObject({ id: 'req_abc1' })
      expect(await ledger.find('req_abc')).toMatchObject({ id: 'req_abc' })
      expect(await ledger.find('req_b')).toMatchObject({ id: 'req_b' })
      for (const id of ['req_a', 'req_', 'other', '']) expect(await codeOf(ledger.find(id))).toBe('not_found')
    })

    test('recent entries come newest first, page by page', async () => {
      for (const id of ['a', 'b', 'c', 'd', 'e']) await write(id)
      const first = await ledger.recent({ limit: 2 })
      const second = await ledger.recent({ limit: 2, before: first[1]?.id ?? '' })
      expect([...first, ...second].map(({ id }) => id)).toEqual(['e', 'd', 'c', 'b'])
    })

    test('an entry can be neither changed nor deleted', async () => {
      await write('a')
      await ledger.recent()
      const attempt = (sql: string): Promise<string> =>
        codeOf(store.transaction((transaction) => transaction.run(sql, [[]])))
      expect(await attempt("UPDATE ledger_entry SET outcome = 'failed'")).toBe('store_failed')
      expect(await attempt('DELETE FROM ledger_entry')).toBe('store_failed')
      expect(await ledger.find('a')).toMatchObject({ outcome: 'done' })
    })

    test('compaction takes the entries before a moment, and leaves what was added up', async () => {
      for (let at = 0; at < 1_200; at += 1) {
        ledger.hold(holdOf(`a${String(at).padStart(4, '0')}`, clock.now())).catch(() => {})
        ledger.settle(settlementOf(`a${String(at).padStart(4, '0')}`))
      }
      await ledger.recent()
      clock.at += 10 * dayMs
      await write('b')
      await ledger.recent()
      expect(await compact(store, clock.now() - 5 * dayMs)).toBe(1_200)
      expect((await ledger.recent()).map(({ id }) => id)).toEqual(['b'])
      expect(await ledger.find('b')).toMatchObject({ decision: settlementOf('b').decision })
      expect((await ledger.usage({ by: [] })).total.requests).toBe(1_201)
      expect(await compact(store, clock.now() - 5 * dayMs)).toBe(0)
    })

    test('a decision lives as long as the last entry that was made by it', async () => {
      await write('a', { decision: { ...heldDecision, asked: 'old' } })
      await ledger.recent()
      clock.at += 10 * dayMs
      await write('b')
      await ledger.recent()
      const before = await count('ledger_decision')
      await compact(store, clock.now() - 5 * dayMs)
      expect(await count('ledger_decision')).toBe(before - 1)
      expect(await ledger.find('b')).toMatchObject({ decision: settlementOf('b').decision })
    })

    test('prompt text that someone puts into a hold or a decision is not written', async () => {
      const secret = 'the patient has the flu'
      const decision = {
        ...heldDecision,
        prompt: secret,
        considered: heldDecision.considered.map((one) => ({ ...one, body: secret })),
      }
      const smuggled = { prompt: secret, answer: secret }
      await ledger.hold({ ...holdOf('a', clock.now(), { decision }), ...smuggled })
      ledger.settle({ ...settlementOf('a', { decision }), ...smuggled })
      await ledger.recent()
      for (const table of tables) {
        expect(JSON.stringify(await store.all(`SELECT * FROM ${table}`))).not.toContain(secret)
      }
    })

    test('nonsense figures of an upstream do not keep an entry from being written', async () => {
      const wrong = [Number.NaN, Number.POSITIVE_INFINITY, -1, 1e300, 1.5]
      for (const [at, tokens] of wrong.entries()) {
        await write(`a${at}`, {}, { usage: { input: reported(tokens) }, totalMs: tokens })
      }
      const entries = await ledger.recent()
      expect(entries.map(({ usage }) => usage.input?.tokens)).toEqual([
        2,
        undefined,
        undefined,
        undefined,
        undefined,
      ])
    })

    test('names of any length are cut, so that a client cannot fill the disk with one', async () => {
      await write('a', { askedModel: 'm'.repeat(1e6), decision: { ...heldDecision, asked: 'm'.repeat(1e6) } })
      const { askedModel, decision } = await ledger.find('a')
      expect(askedModel.length + decision.asked.length).toBeLessThan(1_000)
    })

    test('an id that is still open cannot be held again', async () => {
      await ledger.hold(holdOf('a', clock.now()))
      expect(await codeOf(ledger.hold(holdOf('a', clock.now())))).toBe('internal')
    })
  })
}
