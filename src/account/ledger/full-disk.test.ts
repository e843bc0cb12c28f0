import { expect, test } from 'bun:test'
import { statfsSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Failure } from '../../core/failure.ts'
import { openStore } from '../../store/open.ts'
import { handClock, holdOf, settlementOf } from '../../testing/ledger-rows.ts'
import { openLedger } from './ledger.ts'
import { ledgerTables } from './schema.ts'

const folder = await mkdtemp(join(tmpdir(), 'inhouse-full-'))
const isMounted = Bun.spawnSync(['mount', '-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', folder]).success
if (!isMounted) await rm(folder, { recursive: true })

/** Takes what room is left. */
const fill = (): void => {
  const { bavail, bsize } = statfsSync(folder)
  writeFileSync(join(folder, 'ballast'), Buffer.alloc(bavail * bsize))
}

test.skipIf(!isMounted)(
  `on a full disk holds are refused, and what was held is settled once there is room${isMounted ? '' : ' (skipped: only root may mount a small disk)'}`,
  async () => {
    const clock = handClock()
    const store = await openStore(join(folder, 'ledger.db'), { migrations: [ledgerTables] })
    const ledger = await openLedger({ store, clock, instance: 'one' })
    const held: string[] = []
    const hold = (): Promise<string> => {
      const id = `a${String(held.length).padStart(6, '0')}`
      return ledger.hold(holdOf(id, clock.now(), { tags: [id.repeat(20)] })).then(
        () => {
          held.push(id)
          return 'held'
        },
        (failure: Failure) => failure.code,
      )
    }
    try {
      for (let at = 0; at < 100; at += 1) await hold()
      fill()
      let last = 'held'
      while (last === 'held') last = await hold()
      expect(last).toBe('store_full')
      for (const id of held) ledger.settle(settlementOf(id))
      expect(await ledger.close().catch((failure: Failure) => failure.code)).toBe('store_full')
      expect((await ledger.usage({ by: [] })).total).toMatchObject({ requests: 0, inFlight: held.length })
      await rm(join(folder, 'ballast'))
      expect((await ledger.usage({ by: [] })).total).toMatchObject({ requests: held.length, inFlight: 0 })
      expect(await hold()).toBe('held')
      await ledger.close()
    } finally {
      await store.close()
      Bun.spawnSync(['umount', folder])
      await rm(folder, { recursive: true })
    }
  },
)
