import type { Decision } from '../../core/decision.ts'
import type { Hold, Outcome, Settlement } from '../../core/ledger.ts'
import type { Count, Usage } from '../../core/usage.ts'
import type { Value } from '../../store/store.ts'
import type { SeriesTexts } from './dictionary.ts'
import { entryFigures } from './schema.ts'

/** A row of `ledger_entry`, before it is bound. */
export interface EntryRow {
  readonly id: string
  readonly at: number
  readonly series: number
  readonly decision: number
  readonly tags: readonly string[]
  /** Queue and duration of each attempt, milliseconds. */
  readonly attempts: string
  readonly outcome: Outcome
  readonly failure: string | null
  /** Where each token count comes from, a letter each: reported, counted, estimated, `-` for none. */
  readonly countSources: string
  /** In the order of `entryFigures`. */
  readonly figures: readonly (number | null)[]
}

type Served = Pick<Hold, 'servedModel' | 'backend' | 'place'>

export const seriesOf = (hold: Hold, served: Served, currency: string | undefined): SeriesTexts => [
  hold.key,
  hold.team ?? '',
  hold.operation,
  hold.surface,
  hold.askedModel,
  served.servedModel,
  served.backend,
  served.place,
  hold.label,
  currency ?? '',
]

export const tagsText = (tags: readonly string[]): string => (tags.length === 0 ? '[]' : JSON.stringify(tags))

const attemptTimes = (decision: Decision): string =>
  JSON.stringify(decision.attempts.map(({ queueMs, tookMs }) => [queueMs, tookMs]))

/** What a hold becomes with its settlement. */
export const settledRow = (
  hold: Hold,
  settlement: Settlement,
  series: number,
  decision: number,
): EntryRow => ({
  id: hold.id,
  at: hold.at,
  series,
  decision,
  tags: hold.tags,
  attempts: attemptTimes(settlement.decision),
  outcome: settlement.outcome,
  failure: settlement.failure ?? null,
  countSources: sourcesOf(settlement.usage),
  figures: [
    tokens(settlement.usage.input),
    tokens(settlement.usage.output),
    tokens(settlement.usage.cached),
    tokens(settlement.usage.cacheWrite),
    tokens(settlement.usage.reasoning),
    microseconds(settlement.queueMs),
    microseconds(settlement.firstEventMs),
    microseconds(settlement.totalMs),
    microseconds(settlement.prefillMs),
    microseconds(settlement.decodeMs),
    whole(settlement.cost?.nano),
  ],
})

/** What a hold becomes whose process died, or slept as long as if. */
export const lostRow = (hold: Pick<EntryRow, 'id' | 'at' | 'series' | 'decision' | 'tags'>): EntryRow => ({
  ...hold,
  attempts: '[]',
  outcome: 'lost',
  failure: null,
  countSources: '-----',
  figures: entryFigures.map(() => null),
})

export const entryValues = (row: EntryRow): Value[] => [
  row.id,
  row.at,
  row.series,
  row.decision,
  tagsText(row.tags),
  row.attempts,
  row.outcome,
  row.failure,
  row.countSources,
  ...row.figures,
]

const columns = [
  'id',
  'at',
  'series',
  'decision',
  'tags',
  'attempts',
  'outcome',
  'failure',
  'count_sources',
  ...entryFigures,
]

/** A second row of one id is not written: the first stands. */
export const addEntry = `INSERT INTO ledger_entry (${columns.join(', ')})
  VALUES (${columns.map((_, at) => `$${at + 1}`).join(', ')}) ON CONFLICT (id) DO NOTHING`

/** A settlement that came after its hold was given up: figures for a row that had none. Values as for `addEntry`. */
export const settleLost = `UPDATE ledger_entry SET ${columns.map((column, at) => `${column} = $${at + 1}`).join(', ')}
  WHERE id = $1 AND outcome = 'lost'`

const sourcesOf = ({ input, output, cached, cacheWrite, reasoning }: Usage): string =>
  letter(input) + letter(output) + letter(cached) + letter(cacheWrite) + letter(reasoning)

const letter = (count: Count | undefined): string => (count === undefined ? '-' : (count.source[0] ?? '-'))
const tokens = (count: Count | undefined): number | null => whole(count?.tokens)
const microseconds = (ms: number | undefined): number | null =>
  whole(ms === undefined ? undefined : ms * 1_000)

/** Above this a figure is nonsense, and enough of them would overflow a sum. */
const mostPlausible = 1e14

/** What an upstream reports need not be a number: one bad figure must not hold up a whole transaction. */
const whole = (value: number | undefined): number | null =>
  value !== undefined && value >= 0 && value <= mostPlausible ? Math.round(value) : null
