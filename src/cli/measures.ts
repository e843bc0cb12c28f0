/** One streamed answer, as its client saw it. */
export interface Run {
  readonly firstMs: number
  readonly totalMs: number
  readonly inputTokens: number
  readonly outputTokens: number
}

/** Many of them, at the same number of streams. */
export interface Measures {
  readonly streams: number
  readonly requests: number
  readonly meanInputTokens: number
  readonly meanOutputTokens: number
  readonly firstTokenP50Ms: number
  readonly firstTokenP95Ms: number
  /** After the first token; the mean of the streams. */
  readonly tokensPerSecondEach: number
  /** All output tokens over the whole time. */
  readonly tokensPerSecond: number
}

/** Pure. `wallMs`: from the first request's begin to the last one's end. */
export const measuresOf = (streams: number, runs: readonly Run[], wallMs: number): Measures => {
  const first = runs.map(({ firstMs }) => firstMs).toSorted((a, b) => a - b)
  // The first token is there when the clock of writing starts.
  const speeds = runs
    .filter(({ outputTokens, firstMs, totalMs }) => outputTokens > 1 && totalMs > firstMs)
    .map(({ outputTokens, firstMs, totalMs }) => ((outputTokens - 1) / (totalMs - firstMs)) * 1000)
  return {
    streams,
    requests: runs.length,
    meanInputTokens: mean(runs.map(({ inputTokens }) => inputTokens)),
    meanOutputTokens: mean(runs.map(({ outputTokens }) => outputTokens)),
    firstTokenP50Ms: percentile(first, 0.5),
    firstTokenP95Ms: percentile(first, 0.95),
    tokensPerSecondEach: mean(speeds),
    tokensPerSecond: (runs.reduce((sum, { outputTokens }) => sum + outputTokens, 0) / wallMs) * 1000,
  }
}

const mean = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length

/** Nearest rank: a value that was measured, not one between two. */
const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0
