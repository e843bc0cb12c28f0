import type { Path } from '../path.ts'

/** Why a part of llama-swap’s config has no counterpart, by the names on the way to it; the first that fits. */
const reasons: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [/^apiKeys/, 'is no key here: `inhouse keys create` makes keys, and keeps only their hashes'],
  [/^startPort/, 'inhouse takes free ports'],
  [/^(groups|matrix)/, '`engines.maxLoaded`, memory and `gpus` say what may be loaded together'],
  [/^hooks/, 'the first model of the config is loaded at the start'],
  [/^(log|metrics|capture|store|ui|performance)/, 'inhouse has a log and a ledger of its own'],
  [/^profiles/, 'a reload of the config takes its place'],
  [/ttl$/i, 'models are unloaded after one time for all: `engines.idleUnloadMs`'],
  [/\.cmdStop$/, 'engines are stopped by a signal; a container needs `--rm` and `--init`'],
  [
    /\.filters\.|setParams/,
    'fields of the client are kept; `sampling` and `extra` are for those that it leaves out',
  ],
  [/\.unlisted$/, 'every model is listed to the keys that may ask for it'],
  [/\.(?:name|description|metadata|capabilities)(?:\.|$)/, 'what a model is, is read from its engine'],
  [/sendLoadingState/, 'a stream that waits for its model gets heartbeats'],
  [/checkEndpoint$/, 'an engine without a path that says it is ready cannot be told from one that hangs'],
  [/\.env\./, 'is no NAME=value, or has an unknown macro'],
  [/\.aliases\./, 'is a name that is taken, or that no row can have'],
]

export const llamaSwapReason = (path: Path): string => {
  const text = path.join('.')
  return reasons.find(([pattern]) => pattern.test(text))?.[1] ?? 'has no counterpart'
}
