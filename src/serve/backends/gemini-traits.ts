/** What a Gemini model takes; the API refuses the whole request otherwise. */
export interface GeminiTraits {
  /** How thinking is asked for: not at all, as a budget of tokens (2.5), or as a level (since 3). */
  readonly thinks: 'never' | 'by budget' | 'by level'
  /** The least and the most of a budget, tokens. */
  readonly budget: readonly [least: number, most: number]
  /** The least level. */
  readonly leastLevel: 'LOW' | 'MINIMAL'
  /** The first call of each answer must come back with its signature: since 3. */
  readonly checksSignatures: boolean
}

/** By the version in the name; a name without one (an alias, a new scheme) is taken for a new model. */
export function geminiTraits(model: string): GeminiTraits {
  const version = versionOf(model)
  const isPro = /-pro\b/.test(model)
  return {
    thinks: version < 205 ? 'never' : version < 300 ? 'by budget' : 'by level',
    budget: isPro ? [128, 32_768] : [model.includes('-lite') ? 512 : 1, 24_576],
    leastLevel: isPro ? 'LOW' : 'MINIMAL',
    checksSignatures: version >= 300,
  }
}

/** gemini-2.5-flash is 205; gemma 0. */
function versionOf(model: string): number {
  if (model.includes('gemma')) return 0
  const [, major = '99', minor = '0'] = /gemini-(\d+)(?:\.(\d+))?/.exec(model) ?? []
  return Number(major) * 100 + Number(minor)
}
