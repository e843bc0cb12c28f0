import type { Money } from '../../core/money.ts'

/** The figures of one group, or of all. */
export interface UsageFigures {
  readonly requests: number
  readonly failed: number
  readonly left: number
  readonly lost: number
  /** Admitted and not settled yet; not among `requests`. */
  readonly inFlight: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cachedTokens: number
  readonly cacheWriteTokens: number
  readonly reasoningTokens: number
  /** The part of input and output tokens that was guessed from the length, 0 to 1. */
  readonly estimatedShare: number
  readonly queueMs: number
  readonly totalMs: number
  /** Mean of those requests that had a first event; null when none had. */
  readonly meanFirstEventMs: number | null
  /** One sum for each currency. */
  readonly cost: readonly Money[]
}

/** What the database adds up for one group and one currency. */
export interface Sums {
  readonly currency: string
  readonly requests: number
  readonly failed: number
  readonly left_early: number
  readonly lost: number
  readonly in_flight: number
  readonly input_tokens: number
  readonly output_tokens: number
  readonly cached_tokens: number
  readonly cache_write_tokens: number
  readonly reasoning_tokens: number
  readonly estimated_tokens: number
  readonly queue_us: number
  readonly first_event_us: number
  readonly first_events: number
  readonly total_us: number
  readonly cost_nano: number
}

/** Brings the sums of one group together: its currencies, and what is still in flight. */
export const figuresOf = (parts: readonly Partial<Sums>[]): UsageFigures => {
  const sum = (name: Exclude<keyof Sums, 'currency'>): number =>
    parts.reduce((total, part) => total + (part[name] ?? 0), 0)
  const inputTokens = sum('input_tokens')
  const outputTokens = sum('output_tokens')
  const firstEvents = sum('first_events')
  return {
    requests: sum('requests'),
    failed: sum('failed'),
    left: sum('left_early'),
    lost: sum('lost'),
    inFlight: sum('in_flight'),
    inputTokens,
    outputTokens,
    cachedTokens: sum('cached_tokens'),
    cacheWriteTokens: sum('cache_write_tokens'),
    reasoningTokens: sum('reasoning_tokens'),
    estimatedShare: sum('estimated_tokens') / Math.max(1, inputTokens + outputTokens),
    queueMs: sum('queue_us') / 1_000,
    totalMs: sum('total_us') / 1_000,
    meanFirstEventMs: firstEvents === 0 ? null : sum('first_event_us') / 1_000 / firstEvents,
    cost: costsOf(parts),
  }
}

const costsOf = (parts: readonly Partial<Sums>[]): readonly Money[] => {
  const sums = new Map<string, number>()
  for (const { currency = '', cost_nano: nano = 0 } of parts)
    sums.set(currency, (sums.get(currency) ?? 0) + nano)
  // No currency: calls that have no price.
  sums.delete('')
  return [...sums].map(([currency, nano]) => ({ nano, currency }))
}
