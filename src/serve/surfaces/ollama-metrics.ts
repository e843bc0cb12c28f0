import type { Usage } from '../../core/usage.ts'
import type { Timing } from '../stream/tap.ts'

/** Nanoseconds, whole. */
const ns = (ms: number): number => Math.round(Math.max(0, ms) * 1e6)

export interface Clocked {
  /** Milliseconds of the whole call. */
  readonly tookMs: number
  /** Until the first of the answer; undefined where it came in one piece. */
  readonly firstMs?: number | undefined
}

/**
 * The figures of a last line. Durations are the engine's own where it tells them, else they are read off the clock; a
 * part never exceeds what the whole call left for it.
 */
export function ollamaMetrics(usage: Usage | undefined, timing: Timing | undefined, clocked: Clocked) {
  let left = ns(clocked.tookMs)
  const part = (ms: number): number => {
    const taken = Math.min(left, ns(ms))
    left -= taken
    return taken
  }
  const total = left
  const load = part(timing?.loadMs ?? 0)
  const waited = (timing?.loadMs ?? 0) + (timing?.queueMs ?? 0)
  const prefill = part(timing?.prefillMs ?? (clocked.firstMs ?? 0) - waited)
  const decode = timing?.decodeMs === undefined ? left : part(timing.decodeMs)
  return {
    total_duration: total,
    load_duration: load,
    ...(usage?.input !== undefined && { prompt_eval_count: usage.input.tokens }),
    prompt_eval_duration: prefill,
    ...(usage?.output !== undefined && { eval_count: usage.output.tokens }),
    eval_duration: decode,
  }
}
