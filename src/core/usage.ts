import type { Money } from './money.ts'

/** Where a token count comes from: the engine said so, we ran a tokenizer, or we guessed from the length. */
export const countSources = ['reported', 'counted', 'estimated'] as const
export type CountSource = (typeof countSources)[number]

export interface Count {
  readonly tokens: number
  readonly source: CountSource
}

/** Tokens of one call. `input` is the whole prompt, cached tokens included; `output` includes reasoning tokens. */
export interface Usage {
  readonly input?: Count
  readonly output?: Count
  /** Prompt tokens read from a cache; part of `input`. */
  readonly cached?: Count
  /** Prompt tokens written to a cache; part of `input`. */
  readonly cacheWrite?: Count
  /** Output tokens spent on reasoning; part of `output`. */
  readonly reasoning?: Count
  /** What the vendor itself says that it charged. */
  readonly cost?: Money
}

export const reported = (tokens: number): Count => ({ tokens, source: 'reported' })

/** A stream may report its usage in pieces (Anthropic: input first, output last): the later piece wins per figure. */
export const mergeUsage = (earlier: Usage | undefined, later: Usage): Usage =>
  earlier === undefined ? later : { ...earlier, ...later }
