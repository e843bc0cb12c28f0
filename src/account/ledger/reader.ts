import type { Clock } from '../../core/clock.ts'
import { Failure } from '../../core/failure.ts'
import type { Store } from '../../store/store.ts'
import { entryOf } from './entry.ts'
import type { Entry, StoredEntry } from './entry.ts'
import { entryFigures, seriesFields } from './schema.ts'
import { askUsage } from './usage.ts'
import type { UsageQuestion, UsageReport } from './usage.ts'

export interface Page {
  /** At most 1,000; 50 when left out. */
  readonly limit?: number
  /** Entries before this id: the last one of the page before. */
  readonly before?: string
}

/** Questions about what was written. They need no lease, so a command asks them while a server writes. */
export interface LedgerReader {
  /** From the days' sums alone, so that its cost does not grow with the number of entries. */
  usage(question: UsageQuestion): Promise<UsageReport>
  /** By id, or by the beginning of one. Rejects with `Failure('not_found')` when none or several begin so. */
  find(id: string): Promise<Entry>
  /** Settled entries, newest first. */
  recent(page?: Page): Promise<readonly Entry[]>
}

export const ledgerReader = (store: Store, clock: Clock): LedgerReader => ({
  usage: (question) => askUsage(store, question, clock.now()),
  find: (id) => find(store, id),
  recent: async ({ limit = 50, before = lastId } = {}) => {
    const rows = await store.all<StoredEntry>(`${selectEntry} WHERE e.id < $1 ORDER BY e.id DESC LIMIT $2`, [
      before,
      Math.min(limit, 1_000),
    ])
    return rows.map(entryOf)
  },
})

/** Behind every id. */
const lastId = '\u{10FFFF}'

const find = async (store: Store, id: string): Promise<Entry> => {
  if (id === '') throw new Failure('not_found', 'An empty id names no request.')
  const range = [id, id + lastId]
  // First what is settled: a hold that is settled in between is then found neither way, so look once more.
  const found = (await findIn(store, selectEntry, range)) ?? (await findIn(store, selectHold, range))
  const entry = found ?? (await findIn(store, selectEntry, range))
  if (entry !== undefined) return entry
  throw new Failure('not_found', `The ledger has no request ${id}.`)
}

const findIn = async (store: Store, select: string, range: readonly string[]): Promise<Entry | undefined> => {
  const [row, other] = await store.all<StoredEntry>(
    `${select} WHERE e.id >= $1 AND e.id < $2 ORDER BY e.id LIMIT 2`,
    range,
  )
  if (row === undefined) return undefined
  if (other !== undefined && row.id !== range[0]) {
    throw new Failure('not_found', `Several requests begin with ${range[0]}; give more of the id.`)
  }
  return entryOf(row)
}

const texts = seriesFields.map((name) => `s.${name}`).join(', ')

const selectEntry = `SELECT e.id, e.at, e.tags, ${texts}, d.json AS decision, e.attempts, e.outcome, e.failure,
  e.count_sources, ${entryFigures.map((name) => `e.${name}`).join(', ')}
  FROM ledger_entry e JOIN ledger_series s ON s.id = e.series JOIN ledger_decision d ON d.id = e.decision`

const selectHold = `SELECT e.id, e.at, e.tags, ${texts}, d.json AS decision, '[]' AS attempts, 'open' AS outcome,
  NULL AS failure, '-----' AS count_sources, ${entryFigures.map((name) => `NULL AS ${name}`).join(', ')}
  FROM ledger_hold e JOIN ledger_series s ON s.id = e.series JOIN ledger_decision d ON d.id = e.decision`
