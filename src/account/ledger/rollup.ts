import type { Transaction, Value } from '../../store/store.ts'
import { dayOf } from './days.ts'
import type { EntryRow } from './rows.ts'
import { measures } from './schema.ts'

/** Adds up the entries of one transaction, so that each day and series is written once. */
export class Rollup {
  readonly #days = new Map<string, Value[]>()
  readonly #tags = new Map<string, Value[]>()

  add(row: EntryRow): void {
    this.#add(row, measuresOf(row))
  }

  /** For a row that was counted without figures, and becomes another. */
  takeBack(row: EntryRow): void {
    this.#add(row, lessOne)
  }

  #add(row: EntryRow, sums: readonly number[]): void {
    const day = dayOf(row.at)
    addTo(this.#days, `${day} ${row.series} ${row.outcome}`, [day, row.series, row.outcome], sums)
    if (row.tags.length === 0) return
    for (const tag of new Set(row.tags)) {
      const key = `${day} ${row.series} ${row.outcome} ${tag}`
      addTo(this.#tags, key, [day, tag, row.series, row.outcome], sums)
    }
  }

  async write(transaction: Transaction): Promise<void> {
    if (this.#days.size > 0) await transaction.run(addDay, [...this.#days.values()])
    if (this.#tags.size > 0) await transaction.run(addDayTag, [...this.#tags.values()])
  }
}

/** The figures of one entry, in the order of `measures`. */
const measuresOf = (row: EntryRow): readonly number[] => {
  const [input, output, cached, cacheWrite, reasoning, queue, firstEvent, total, , , cost] = row.figures
  const isEstimated = (at: number): boolean => row.countSources[at] === 'e'
  return [
    1,
    input ?? 0,
    output ?? 0,
    cached ?? 0,
    cacheWrite ?? 0,
    reasoning ?? 0,
    (isEstimated(0) ? (input ?? 0) : 0) + (isEstimated(1) ? (output ?? 0) : 0),
    queue ?? 0,
    firstEvent ?? 0,
    firstEvent === null ? 0 : 1,
    total ?? 0,
    cost ?? 0,
  ]
}

const lessOne = measures.map((name) => (name === 'requests' ? -1 : 0))

const addTo = (
  sums: Map<string, Value[]>,
  key: string,
  names: readonly Value[],
  add: readonly number[],
): void => {
  const known = sums.get(key)
  if (known === undefined) {
    sums.set(key, [...names, ...add])
    return
  }
  for (let at = 0; at < add.length; at += 1) {
    known[names.length + at] = (known[names.length + at] as number) + (add[at] as number)
  }
}

const upsert = (table: string, names: readonly string[]): string => {
  const columns = [...names, ...measures]
  return `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map((_, at) => `$${at + 1}`).join(', ')})
    ON CONFLICT (${names.join(', ')}) DO UPDATE SET
    ${measures.map((name) => `${name} = ${table}.${name} + excluded.${name}`).join(', ')}`
}

const addDay = upsert('ledger_day', ['day', 'series', 'outcome'])
const addDayTag = upsert('ledger_day_tag', ['day', 'tag', 'series', 'outcome'])
