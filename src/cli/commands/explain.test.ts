import { join } from 'node:path'
import { beforeAll, expect, test } from 'bun:test'

import { openLedger } from '../../account/ledger/ledger.ts'
import { ledgerTables } from '../../account/ledger/schema.ts'
import { openStore } from '../../store/open.ts'
import { handClock, holdOf, settlementOf } from '../../testing/ledger-rows.ts'
import { Testbed } from '../../testing/testbed.ts'

const bed = new Testbed()
const idOf = (at: number): string => `req_${String(at).padStart(32, '0')}`

beforeAll(async () => {
  const store = await openStore(join(bed.home, 'inhouse.db'), { migrations: [ledgerTables] })
  const clock = handClock()
  const ledger = await openLedger({ store, clock, instance: 'one' })
  for (const at of [1, 2, 3]) {
    await ledger.hold(holdOf(idOf(at), clock.at + at * 1000))
    ledger.settle(settlementOf(idOf(at), at === 2 ? { outcome: 'failed', failure: 'stalled' } : {}))
  }
  await ledger.close()
  await store.close()
  return () => bed[Symbol.dispose]()
})

test('without an id the newest requests are listed, with how they ended and what they took', async () => {
  const { code, out } = await bed.run(['explain'])
  expect(code).toBe(0)
  const rows = out
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split(/ {2,}/).slice(1))
  expect(rows).toEqual([
    [idOf(3), 'key_1', 'small → smollm2', 'done', '100', '20', '13 ms'],
    [idOf(2), 'key_1', 'small → smollm2', 'stalled', '100', '20', '13 ms'],
    [idOf(1), 'key_1', 'small → smollm2', 'done', '100', '20', '13 ms'],
  ])
})

test('the list goes on page by page, as its last line says', async () => {
  const { err } = await bed.run(['explain', '--limit', '2'])
  const [, next = ''] = /^Older ones: inhouse (.*)\n$/.exec(err) ?? []
  expect(next).toBe(`explain --limit 2 --before ${idOf(2)}`)
  expect(await bed.json(next.split(' '))).toMatchObject([{ id: idOf(1), decision: { asked: 'small' } }])
})

test('one request is shown by its id, and takes no options of the list', async () => {
  expect(await bed.json(['explain', idOf(2)])).toMatchObject({ id: idOf(2), failure: 'stalled' })
  expect((await bed.run(['explain', idOf(2), '--limit', '1'])).code).toBe(2)
})

test('a whole id that is not in the ledger may be of a refused call, and that is said; a part of one is not', async () => {
  const whole = await bed.run(['explain', idOf(9)])
  expect(whole.code).toBe(1)
  expect(whole.err).toContain(`The ledger has no request ${idOf(9)}.`)
  expect(whole.err).toMatch(/→ .*refused before it was admitted.*log of the server/)
  const part = await bed.run(['explain', 'req_9'])
  expect(part.err).toContain('The ledger has no request req_9.')
  expect(part.err).not.toContain('refused')
  expect(await bed.json(['explain', 'req_'])).toMatchObject({ error: { code: 'request_unknown' } })
})
