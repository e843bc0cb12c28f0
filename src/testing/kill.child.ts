/** The process that the kill test kills: holds and settles without end, and tells each committed hold on stdout. */
import { writeSync } from 'node:fs'

import { openStore } from '../store/open.ts'
import { holdOf, settlementOf } from './ledger-rows.ts'
import { openLedger } from '../account/ledger/ledger.ts'
import { ledgerTables } from '../account/ledger/schema.ts'

const [path = '', run = ''] = process.argv.slice(2)
const store = await openStore(path, { migrations: [ledgerTables] })
const clock = { now: () => Date.now(), tick: () => performance.now() }
const ledger = await openLedger({ store, clock, instance: run })

let made = 0
const serve = async (): Promise<never> => {
  for (;;) {
    const id = `${run}-${String((made += 1)).padStart(8, '0')}`
    await ledger.hold(holdOf(id, clock.now(), { key: `key-${made % 7}`, tags: ['kill'] }))
    writeSync(1, `${id}\n`)
    await new Promise((resolve) => void setTimeout(resolve, made % 5))
    ledger.settle(settlementOf(id))
  }
}
await Promise.all(Array.from({ length: 8 }, serve))
