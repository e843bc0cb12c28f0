import type { Path } from '../path.ts'

/** Why a part of LiteLLM’s config has no counterpart, by the names on the way to it; the first that fits. */
const reasons: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [
    /^general_settings\.master_key$/,
    'is no key here: `inhouse keys create` makes keys, and keeps only their hashes',
  ],
  [/^general_settings\.(database|alerting|store_model)/, 'inhouse keeps its ledger and keys in its home'],
  [/^environment_variables/, 'is not copied, since it may be a secret: set it where inhouse is started'],
  [
    /callback|langfuse|logging|verbose|alert/i,
    'inhouse writes its own ledger and log, and sends them nowhere',
  ],
  [/cost|price|budget/i, 'prices of one’s own have no place in the config yet'],
  [
    /\.(?:rpm|tpm|max_parallel_requests)$/,
    'limits one of several deployments; here limits are for a name, under `limits.models`',
  ],
  [
    /timeout/,
    'is for a whole call there; here each step has its own, under `timeouts` and in the row of a backend',
  ],
  [/cache|redis/, 'inhouse keeps no answers to give them again'],
  [/guardrail|moderation/, 'has no counterpart yet'],
  [/drop_params/, 'is always so: what a backend cannot take is left out, and named in `x-inhouse-warning`'],
  [/routing_strategy/, 'a route asks its rows in their order'],
  [/fallbacks/, 'only a list of names for a name is taken, for every kind of failure'],
  [/model_info/, 'what a model is, inhouse asks its engine'],
  [/litellm_params/, 'goes with every call there; `extra` of a row takes fields of the body'],
]

export const litellmReason = (path: Path): string => {
  const text = path.join('.')
  return reasons.find(([pattern]) => pattern.test(text))?.[1] ?? 'has no counterpart'
}
