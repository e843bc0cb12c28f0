import type { ModelEvent } from '../../core/event.ts'
import { reported } from '../../core/usage.ts'
import type { Usage } from '../../core/usage.ts'

export interface RawUsage {
  readonly prompt_tokens?: number | null
  readonly completion_tokens?: number | null
  readonly prompt_tokens_details?: {
    readonly cached_tokens?: number | null
    readonly cache_write_tokens?: number | null
  } | null
  readonly completion_tokens_details?: { readonly reasoning_tokens?: number | null } | null
  /** OpenRouter: what it charged, in credits, which are US dollars. */
  readonly cost?: number | null
  /** LocalAI, when asked for `Extra-Usage`: milliseconds. */
  readonly timing_prompt_processing?: number
  readonly timing_token_generation?: number
}

/** OpenAI's figures; `prompt_tokens` has the cached ones in it, `completion_tokens` the reasoning. */
export function usageOf(raw: RawUsage): Usage {
  const usage: { -readonly [K in keyof Usage]: Usage[K] } = {}
  if (isCount(raw.prompt_tokens)) usage.input = reported(raw.prompt_tokens)
  if (isCount(raw.completion_tokens)) usage.output = reported(raw.completion_tokens)
  const cached = raw.prompt_tokens_details?.cached_tokens
  if (isCount(cached)) usage.cached = reported(cached)
  const written = raw.prompt_tokens_details?.cache_write_tokens
  if (isCount(written)) usage.cacheWrite = reported(written)
  const reasoning = raw.completion_tokens_details?.reasoning_tokens
  if (isCount(reasoning)) usage.reasoning = reported(reasoning)
  return Object.assign(usage, costOf(raw.cost))
}

/** US dollars as the vendor says them. */
export const costOf = (dollars: number | null | undefined): Pick<Usage, 'cost'> =>
  typeof dollars === 'number' && dollars >= 0
    ? { cost: { nano: Math.round(dollars * 1e9), currency: 'USD' } }
    : {}

/**
 * llama.cpp tells each choice's usage by itself: the answers add up, and the prompts too unless all choices share one.
 */
export function addUsage(earlier: Usage | undefined, later: Usage, isOnePrompt: boolean): Usage {
  if (earlier === undefined) return later
  const figures = isOnePrompt
    ? (['output', 'reasoning'] as const)
    : (['input', 'cached', 'output', 'reasoning'] as const)
  const sum: { -readonly [K in keyof Usage]: Usage[K] } = { ...earlier }
  for (const figure of figures) {
    const { tokens } = later[figure] ?? { tokens: 0 }
    if (tokens > 0) sum[figure] = reported(tokens + (earlier[figure]?.tokens ?? 0))
  }
  return sum
}

export const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0

interface Timed {
  /** llama.cpp. */
  readonly timings?: { readonly prompt_ms?: number; readonly predicted_ms?: number } | null
  /** vLLM with `--enable-per-request-metrics`; the first token's time counts from when it was scheduled. */
  readonly metrics?: {
    readonly time_to_first_token_ms?: number | null
    readonly generation_time_ms?: number | null
    readonly queue_time_ms?: number | null
  } | null
  readonly usage?: RawUsage | null
}

/** What the engine says of its own time; undefined where it says nothing. */
export function timingsOf({ timings, metrics, usage }: Timed): ModelEvent | undefined {
  if (timings) return timing(timings.prompt_ms, timings.predicted_ms)
  if (metrics)
    return timing(metrics.time_to_first_token_ms, metrics.generation_time_ms, metrics.queue_time_ms)
  if (usage?.timing_token_generation === undefined) return undefined
  return timing(usage.timing_prompt_processing, usage.timing_token_generation)
}

function timing(prefill: unknown, decode: unknown, queue?: unknown): ModelEvent | undefined {
  const times = {
    ...(isTime(prefill) && { prefillMs: prefill }),
    ...(isTime(decode) && { decodeMs: decode }),
    ...(isTime(queue) && { queueMs: queue }),
  }
  return Object.keys(times).length === 0 ? undefined : { type: 'timing', ...times }
}

const isTime = (value: unknown): value is number => typeof value === 'number' && value >= 0
