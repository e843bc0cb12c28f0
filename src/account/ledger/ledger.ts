import type { Clock } from '../../core/clock.ts'
import type { Failure } from '../../core/failure.ts'
import type { LedgerPort } from '../../core/ledger.ts'
import type { Store } from '../../store/store.ts'
import { dayMs } from './days.ts'
import { Instance, beatMs } from './instance.ts'
import { ledgerReader } from './reader.ts'
import type { LedgerReader } from './reader.ts'
import { compact } from './retention.ts'
import { Sweeper } from './sweeper.ts'
import { Writer } from './writer.ts'

export interface LedgerOptions {
  /** With `ledgerTables` among its migrations. */
  readonly store: Store
  readonly clock: Clock
  /** An id that no other running or past process has. */
  readonly instance: string
  /** Entries older than this are compacted away hourly; the days' sums stay. Left out: all are kept. */
  readonly retentionDays?: number
}

/** The port for the gateway, and the questions of people. Answers include what was settled before the question. */
export interface Ledger extends LedgerPort, LedgerReader {
  /** Why nothing can be written; undefined while it can. Found out without calls too: it is tried every few seconds. */
  readonly trouble: Failure | undefined
  /** Makes open holds of processes that were dead at the last look `lost`; also done every few seconds. Answers how many. */
  sweep(): Promise<number>
  /** Writes what waits and gives up the lease; holds still open become `lost`. Rejects when it cannot be written. */
  close(): Promise<void>
}

const compactEveryMs = dayMs / 24

/** Takes a lease for this process and sweeps up after those that died. */
export const openLedger = async (options: LedgerOptions): Promise<Ledger> => {
  const { store, clock, retentionDays } = options
  const instance = new Instance(options.instance, clock)
  const writer = new Writer(store, clock, instance)
  const reader = ledgerReader(store, clock)
  const sweeper = new Sweeper(store, clock)
  let compactAt = clock.now()
  let beating: Promise<void> | undefined

  const beat = async (): Promise<void> => {
    if ((await writer.renew()) !== undefined) return
    await sweeper.sweep()
    if (retentionDays === undefined || clock.now() < compactAt) return
    compactAt = clock.now() + compactEveryMs
    await compact(store, clock.now() - retentionDays * dayMs)
  }

  await store.transaction((transaction) => instance.renew(transaction))
  await sweeper.sweep()
  const timer = setInterval(() => {
    // What could not be swept is there at the next beat.
    beating ??= beat()
      .catch(() => {})
      .finally(() => {
        beating = undefined
      })
  }, beatMs)
  timer.unref()

  return {
    get trouble() {
      return writer.trouble
    },
    hold: (hold) => writer.hold(hold),
    settle: (settlement) => writer.settle(settlement),
    usage: async (question) => {
      await writer.drain()
      return reader.usage(question)
    },
    find: async (id) => {
      await writer.drain()
      return reader.find(id)
    },
    recent: async (page) => {
      await writer.drain()
      return reader.recent(page)
    },
    sweep: () => sweeper.sweep(),
    close: async () => {
      clearInterval(timer)
      await beating
      const failure = await writer.drain()
      writer.stop()
      if (failure !== undefined) throw failure
      await store.transaction((transaction) => instance.end(transaction))
      await sweeper.sweep()
    },
  }
}
