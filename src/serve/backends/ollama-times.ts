import type { ModelEvent } from '../../core/event.ts'

export interface Timed {
  readonly total_duration?: unknown
  readonly load_duration?: unknown
  readonly prompt_eval_duration?: unknown
  readonly eval_duration?: unknown
}

/** Ollama's durations, in nanoseconds; what of the whole is none of the others was spent waiting. */
export function ollamaTimes(timed: Timed): Extract<ModelEvent, { type: 'timing' }> | undefined {
  const totalMs = ms(timed.total_duration)
  const loadMs = ms(timed.load_duration)
  const prefillMs = ms(timed.prompt_eval_duration)
  const decodeMs = ms(timed.eval_duration)
  const isWhole = totalMs !== undefined && (prefillMs !== undefined || decodeMs !== undefined)
  const times = {
    ...(loadMs !== undefined && { loadMs }),
    ...(prefillMs !== undefined && { prefillMs }),
    ...(decodeMs !== undefined && { decodeMs }),
    ...(isWhole && { queueMs: Math.max(0, totalMs - (loadMs ?? 0) - (prefillMs ?? 0) - (decodeMs ?? 0)) }),
  }
  return Object.keys(times).length === 0 ? undefined : { type: 'timing', ...times }
}

const ms = (ns: unknown): number | undefined =>
  typeof ns === 'number' && Number.isFinite(ns) && ns >= 0 ? ns / 1e6 : undefined
