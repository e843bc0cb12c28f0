/** What a Claude model takes; the API refuses the whole request otherwise. */
export interface ClaudeTraits {
  /** `temperature`, `top_p`, `top_k`: gone since 4.7. */
  readonly samples: boolean
  /** `thinking: adaptive`: since 4.6. */
  readonly adapts: boolean
  /** `thinking: enabled` with a budget: gone since 4.7. */
  readonly budgets: boolean
}

/** By the version in the name; a name without one (an alias, a new scheme) is taken for a new model. */
export function claudeTraits(model: string): ClaudeTraits {
  const version = versionOf(model)
  return { samples: version <= 406, adapts: version >= 406, budgets: version <= 406 }
}

/** claude-opus-4-6 is 406; claude-3-5-sonnet 300; claude-opus-4-20250514 400. */
function versionOf(model: string): number {
  const [, old, major = '99', minor = '0'] =
    /claude-(?:(\d)|[a-z]+-(\d{1,2})(?:-(\d{1,2}))?(?!\d))/.exec(model) ?? []
  return Number(old ?? major) * 100 + (old === undefined ? Number(minor) : 0)
}
