import { Failure } from '../../core/failure.ts'
import type { Store } from '../../store/store.ts'
import { dayMs, dayName, dayOf, parseDay } from './days.ts'
import { measures } from './schema.ts'
import { figuresOf } from './usage-figures.ts'
import type { Sums, UsageFigures } from './usage-figures.ts'

/** What usage can be grouped by, and where it stands. `model` is the one that answered, `asked` the client's name. */
const columns = {
  day: 'u.day',
  key: 's.key_id',
  team: 's.team',
  model: 's.served_model',
  asked: 's.asked_model',
  backend: 's.backend',
  place: 's.place',
  operation: 's.operation',
  surface: 's.surface',
  label: 's.label',
  outcome: 'u.outcome',
  tag: 'u.tag',
} as const

export type Grouping = keyof typeof columns
export const groupings = Object.keys(columns) as readonly Grouping[]

/** Days are UTC, both ends included. */
export interface UsageQuestion {
  /** One or several; under `tag` a request counts for each of its tags, and for none when it has none. */
  readonly by: readonly Grouping[]
  /** The last so many days, today included; 30 when nothing else is said. */
  readonly days?: number
  /** `2026-11-21`; stands above `days`. */
  readonly from?: string
  readonly to?: string
  /** Rows at most, 1,000 when left out; the total counts all. */
  readonly limit?: number
}

export type UsageRow = UsageFigures & { readonly [grouping in Grouping]?: string }

export interface UsageReport {
  readonly from: string
  readonly to: string
  /** By day, or else the most tokens first. */
  readonly rows: readonly UsageRow[]
  readonly total: UsageFigures
}

/** Adds up the days' sums and what is in flight. Rejects with `Failure('bad_request')` for a day that is none. */
export const askUsage = async (store: Store, question: UsageQuestion, now: number): Promise<UsageReport> => {
  const { by, limit = 1_000 } = question
  const days = daysOf(question, now)
  const groups = await groupsBy(store, by, days)
  const rows = [...Map.groupBy(groups, ({ names }) => JSON.stringify(names)).values()].map((parts) =>
    rowOf(by, parts),
  )
  // A request with two tags is in two groups; and groups may have been left out.
  const isAll = !by.includes('tag') && groups.length < mostGroups
  const all = isAll ? groups : await groupsBy(store, [], days)
  rows.sort(by.includes('day') ? byDay : byTokens)
  return {
    from: dayName(days.from),
    to: dayName(days.to),
    rows: rows.slice(0, limit),
    total: figuresOf(all.map(({ sums }) => sums)),
  }
}

interface Days {
  readonly from: number
  readonly to: number
}

const daysOf = ({ days = 30, from, to }: UsageQuestion, now: number): Days => {
  const last = to === undefined ? dayOf(now) : dayIn('to', to)
  return { from: from === undefined ? last - days + 1 : dayIn('from', from), to: last }
}

const dayIn = (param: string, text: string): number => {
  const day = parseDay(text)
  if (day !== undefined) return day
  throw new Failure('bad_request', { message: `\`${param}\` is not a day such as 2026-11-21.`, param })
}

/** One group's sums of one currency; `names` in the order of the question's `by`. */
interface Group {
  readonly names: readonly string[]
  readonly sums: Partial<Sums>
}

/** Groups in one answer; beyond, those with the fewest tokens are left out of the rows, not of the total. */
const mostGroups = 50_000

const groupsBy = async (store: Store, by: readonly Grouping[], days: Days): Promise<readonly Group[]> => {
  const settled = await store.all<SettledRow>(settledSql(by), [days.from, days.to])
  const open = await store.all<OpenRow>(openSql(by), [days.from * dayMs, (days.to + 1) * dayMs])
  return [
    ...settled.map((row) => ({ names: namesOf(by, row), sums: row })),
    ...open.flatMap((row) => openGroups(by, row)),
  ]
}

/** What is in flight has no rollup yet; its tags stand in its own row. */
const openGroups = (by: readonly Grouping[], row: OpenRow): readonly Group[] => {
  const names = namesOf(by, row)
  const sums = { in_flight: row.in_flight }
  const tagAt = by.indexOf('tag')
  if (tagAt === -1) return [{ names, sums }]
  return [...new Set(JSON.parse(row.tags) as string[])].map((tag) => ({
    names: names.with(tagAt, tag),
    sums,
  }))
}

const namesOf = (by: readonly Grouping[], row: Names): string[] =>
  by.map((grouping, at) => (grouping === 'day' ? dayName(Number(row[`g${at}`])) : String(row[`g${at}`])))

const rowOf = (by: readonly Grouping[], groups: readonly Group[]): UsageRow => ({
  ...Object.fromEntries(by.map((grouping, at) => [grouping, groups[0]?.names[at] ?? ''])),
  ...figuresOf(groups.map(({ sums }) => sums)),
})

const tokensOf = (row: UsageRow): number => row.inputTokens + row.outputTokens
const byTokens = (one: UsageRow, other: UsageRow): number => tokensOf(other) - tokensOf(one)
const byDay = (one: UsageRow, other: UsageRow): number =>
  (one.day ?? '').localeCompare(other.day ?? '') || byTokens(one, other)

type Names = Readonly<Record<`g${number}`, string | number>>
type SettledRow = Sums & Names
type OpenRow = { readonly tags: string; readonly in_flight: number } & Names

const selected = (by: readonly Grouping[], from: Record<Grouping, string>): string =>
  by.map((grouping, at) => `${from[grouping]} AS g${at}, `).join('')
const grouped = (by: readonly Grouping[]): string => by.map((_, at) => `g${at}, `).join('')

// Postgres adds integers up to a decimal; the cast keeps them integers.
const sum = (what: string, name: string): string => `CAST(SUM(${what}) AS BIGINT) AS ${name}`
const requestsThat = (outcome: string, name: string): string =>
  sum(`CASE WHEN u.outcome = '${outcome}' THEN u.requests ELSE 0 END`, name)

const settledSql = (by: readonly Grouping[]): string =>
  `SELECT ${selected(by, columns)} s.currency AS currency, ${measures.map((name) => sum(`u.${name}`, name)).join(', ')},
     ${requestsThat('failed', 'failed')}, ${requestsThat('left', 'left_early')}, ${requestsThat('lost', 'lost')}
   FROM ${by.includes('tag') ? 'ledger_day_tag' : 'ledger_day'} u JOIN ledger_series s ON s.id = u.series
   WHERE u.day BETWEEN $1 AND $2 AND u.requests > 0 GROUP BY ${grouped(by)} s.currency
   ORDER BY SUM(u.input_tokens + u.output_tokens) DESC LIMIT ${mostGroups}`

const openColumns = { ...columns, day: `u.at / ${dayMs}`, outcome: "'open'", tag: "''" }

const openSql = (by: readonly Grouping[]): string =>
  `SELECT ${selected(by, openColumns)} u.tags AS tags, COUNT(*) AS in_flight
   FROM ledger_hold u JOIN ledger_series s ON s.id = u.series
   WHERE u.at >= $1 AND u.at < $2 GROUP BY ${grouped(by)} u.tags LIMIT ${mostGroups}`
