import type { Settings } from '../config/schema.ts'
import type { ModelFacts } from '../core/model-facts.ts'
import type { RowStatus } from '../serve/engines/engine.ts'
import type { ModelListing } from '../serve/surfaces/models.ts'
import type { LoadedModel } from '../serve/surfaces/ollama-models.ts'
import { withAdapters } from './adapter-rows.ts'
import type { LocalModels } from './local-models.ts'

/**
 * The rows of the config, those with a wildcard too. `created`: seconds, for those that are not on this machine;
 * `remote`: what their backends say of them.
 */
export function listings(
  config: Settings,
  local: Pick<LocalModels, 'known'>,
  created: number,
  remote: (row: string) => ModelFacts | undefined,
): readonly ModelListing[] {
  const listed: ModelListing[] = []
  for (const [name, row] of Object.entries(withAdapters(config.models))) {
    const { limits, backend } = row
    const known = local.known(name)
    const facts = known?.facts ?? remote(name)
    const context = row.context || facts?.context
    const maxOutput = limits?.maxOutputTokens ?? facts?.maxOutput
    listed.push({
      name,
      created: known === undefined ? created : Math.floor(known.pulledAt / 1000),
      ownedBy: backend ?? 'inhouse',
      ...(context !== undefined && { context }),
      ...(maxOutput !== undefined && { maxOutput }),
      ...(facts !== undefined && { facts }),
    })
  }
  return listed
}

/** Those that our engines have in memory. What is used now is unloaded no earlier than an idle one would be. */
export const loadedModels = (
  listed: readonly ModelListing[],
  rows: readonly RowStatus[],
  idleMs: number,
  now: number,
): readonly LoadedModel[] =>
  rows.flatMap(({ row, state }) => {
    const model = state === 'ready' ? listed.find(({ name }) => name === row) : undefined
    // Never unloaded for being idle: a year is as good as for ever to whoever reads it.
    const expiresAt = now + (idleMs === 0 ? yearMs : idleMs)
    return model === undefined ? [] : [{ ...model, expiresAt, vramBytes: 0 }]
  })

const yearMs = 365 * 24 * 3600 * 1000
