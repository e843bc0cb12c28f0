import type { Attempt, Decision } from '../../core/decision.ts'
import type { Hold, Settlement } from '../../core/ledger.ts'
import type { Count, CountSource, Usage } from '../../core/usage.ts'

/** One admitted request, as the ledger keeps it. */
export interface Entry
  extends Omit<Hold, 'reserved' | 'row'>, Omit<Settlement, 'outcome' | 'queueMs' | 'totalMs'> {
  /** `open`: not settled yet. */
  readonly outcome: Settlement['outcome'] | 'open'
  /** Undefined while it is open, and when it was lost. */
  readonly queueMs?: number
  readonly totalMs?: number
}

/** A row of `ledger_entry` or `ledger_hold` with its texts. */
export interface StoredEntry {
  readonly id: string
  readonly at: number
  readonly tags: string
  readonly key_id: string
  readonly team: string
  readonly operation: Hold['operation']
  readonly surface: string
  readonly asked_model: string
  readonly served_model: string
  readonly backend: string
  readonly place: string
  readonly label: Hold['label']
  readonly currency: string
  readonly decision: string
  readonly attempts: string
  readonly outcome: Entry['outcome']
  readonly failure: NonNullable<Settlement['failure']> | null
  readonly count_sources: string
  readonly input_tokens: number | null
  readonly output_tokens: number | null
  readonly cached_tokens: number | null
  readonly cache_write_tokens: number | null
  readonly reasoning_tokens: number | null
  readonly queue_us: number | null
  readonly first_event_us: number | null
  readonly total_us: number | null
  readonly prefill_us: number | null
  readonly decode_us: number | null
  readonly cost_nano: number | null
}

export const entryOf = (row: StoredEntry): Entry => ({
  id: row.id,
  at: row.at,
  key: row.key_id,
  team: row.team === '' ? undefined : row.team,
  tags: JSON.parse(row.tags) as string[],
  operation: row.operation,
  surface: row.surface,
  askedModel: row.asked_model,
  servedModel: row.served_model,
  backend: row.backend,
  place: row.place,
  label: row.label,
  decision: decisionOf(row),
  outcome: row.outcome,
  usage: usageOf(row),
  ...(row.failure !== null && { failure: row.failure }),
  ...(row.queue_us !== null && { queueMs: row.queue_us / 1_000 }),
  ...(row.first_event_us !== null && { firstEventMs: row.first_event_us / 1_000 }),
  ...(row.total_us !== null && { totalMs: row.total_us / 1_000 }),
  ...(row.prefill_us !== null && { prefillMs: row.prefill_us / 1_000 }),
  ...(row.decode_us !== null && { decodeMs: row.decode_us / 1_000 }),
  ...(row.cost_nano !== null && { cost: { nano: row.cost_nano, currency: row.currency } }),
})

/** The times of the attempts stand in the entry, the rest of the decision is shared with others like it. */
const decisionOf = (row: StoredEntry): Decision => {
  const decision = JSON.parse(row.decision) as Decision
  const times = JSON.parse(row.attempts) as [queueMs: number, tookMs: number][]
  const attempts = decision.attempts.map((attempt, at): Attempt => {
    const [queueMs, tookMs] = times[at] ?? [0, 0]
    return { ...attempt, queueMs, tookMs }
  })
  return { ...decision, attempts }
}

const sources: Record<string, CountSource> = { r: 'reported', c: 'counted', e: 'estimated' }

const usageOf = (row: StoredEntry): Usage => {
  const count = (tokens: number | null, at: number): Count | undefined => {
    const source = sources[row.count_sources[at] ?? '-']
    return tokens === null || source === undefined ? undefined : { tokens, source }
  }
  const input = count(row.input_tokens, 0)
  const output = count(row.output_tokens, 1)
  const cached = count(row.cached_tokens, 2)
  const cacheWrite = count(row.cache_write_tokens, 3)
  const reasoning = count(row.reasoning_tokens, 4)
  return {
    ...(input && { input }),
    ...(output && { output }),
    ...(cached && { cached }),
    ...(cacheWrite && { cacheWrite }),
    ...(reasoning && { reasoning }),
  }
}
