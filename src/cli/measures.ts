import { countText, durationText } from './print.ts'

/** One streamed answer, as its client saw it. Null: the server does not tell. */
export interface Run {
  readonly firstMs: number
  readonly totalMs: number
  readonly inputTokens: number | null
  readonly outputTokens: number | null
}

/** What comes in fewer came at once, as far as a client can tell. */
const leastSpanMs = 50

/** Tokens per second, once the first is there; null where that cannot be known. Pure. */
export const speedOf = ({ firstMs, totalMs, outputTokens }: Run): number | null =>
  outputTokens === null || outputTokens < 2 || totalMs - firstMs < leastSpanMs
    ? null
    : ((outputTokens - 1) / (totalMs - firstMs)) * 1000

/** `20 tokens in, 4 out; first after 90 ms, then 31 a second`. Pure. */
export const runText = (run: Run): string => {
  const { firstMs, inputTokens, outputTokens } = run
  const amount = (tokens: number | null): string => (tokens === null ? 'unknown' : countText(tokens))
  const isTold = inputTokens !== null || outputTokens !== null
  const tokens = isTold ? `${amount(inputTokens)} tokens in, ${amount(outputTokens)} out` : 'tokens unknown'
  const speed = speedOf(run)
  const then = speed === null ? '' : `, then ${speed.toFixed(0)} a second`
  return `${tokens}; first after ${durationText(firstMs)}${then}`
}

/** Many of them, at the same number of streams. Null where that is not known of each. */
export interface Measures {
  readonly streams: number
  readonly requests: number
  readonly meanInputTokens: number | null
  readonly meanOutputTokens: number | null
  readonly firstTokenP50Ms: number
  readonly firstTokenP95Ms: number
  /** After the first token; the mean of the answers that took long enough to have a speed. */
  readonly tokensPerSecondEach: number | null
  /** All output tokens over the whole time. */
  readonly tokensPerSecond: number | null
}

/** Pure. `wallMs`: from the first request's begin to the last one's end. */
export const measuresOf = (streams: number, runs: readonly Run[], wallMs: number): Measures => {
  const first = runs.map(({ firstMs }) => firstMs).toSorted((a, b) => a - b)
  const input = runs.flatMap(({ inputTokens }) => inputTokens ?? [])
  const output = runs.flatMap(({ outputTokens }) => outputTokens ?? [])
  const meanOf = (known: readonly number[]): number | null =>
    known.length < runs.length ? null : mean(known)
  const meanOutputTokens = meanOf(output)
  return {
    streams,
    requests: runs.length,
    meanInputTokens: meanOf(input),
    meanOutputTokens,
    firstTokenP50Ms: percentile(first, 0.5),
    firstTokenP95Ms: percentile(first, 0.95),
    tokensPerSecondEach: mean(runs.flatMap((run) => speedOf(run) ?? [])),
    tokensPerSecond: meanOutputTokens === null ? null : ((meanOutputTokens * runs.length) / wallMs) * 1000,
  }
}

const mean = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length

/** Nearest rank: a value that was measured, not one between two. */
const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0
