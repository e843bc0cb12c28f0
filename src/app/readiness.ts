import type { FailureCode } from '../core/failure.ts'
import type { Settings } from '../config/schema.ts'
import type { Engines } from '../serve/engines/engines.ts'
import type { Gateway } from '../serve/gateway/gateway.ts'
import { managedRows, type LocalModels } from './local-models.ts'

export interface ReadinessParts {
  readonly config: Settings
  readonly gateway: Gateway
  readonly engines: Engines
  readonly local: LocalModels
  /** Why nothing can be written down, and so nothing is served. */
  readonly store: FailureCode | undefined
}

/**
 * Ready when what is asked can be written down and at least one model can answer: loaded or loadable here, or at a
 * backend that is not resting. What each model does stands under its name.
 */
export function readinessOf({ config, gateway, engines, local, store }: ReadinessParts) {
  const { rows } = engines.status()
  const states = new Map(rows.map((row) => [row.row, row.state]))
  const managed = new Set(managedRows(config).map(([name]) => name))
  const stateOf = (name: string, backend: string, model: string | undefined): string => {
    // Nobody asks for a model that is called `claude-*`.
    const asked = model ?? (name.includes('*') ? undefined : name)
    const rests = gateway.setup.upstreams.standing(backend, asked) === 'resting'
    if (!managed.has(name)) return rests ? 'resting' : 'ready'
    const trouble = local.trouble(name)
    // Anybody may ask: the code says enough, the log and the doctor tell where.
    if (trouble !== undefined) return `failed: ${trouble.code}`
    const state = states.get(name)
    if (state === undefined || (state === 'unloaded' && local.isComing(name))) return 'loading'
    if (rests) return 'resting'
    return state === 'unloaded' ? 'ready (loads when asked)' : state
  }
  const models = Object.fromEntries(
    Object.entries(config.models).flatMap(([name, row]) =>
      row.backend === undefined ? [] : [[name, stateOf(name, row.backend, row.model)]],
    ),
  )
  const canAnswer = Object.values(models).some((state) => state.startsWith('ready'))
  const ready = canAnswer && !gateway.isDraining && store === undefined
  const load = Object.fromEntries(
    rows.flatMap((row) => (row.load === undefined ? [] : [[row.row, row.load]])),
  )
  return {
    ready,
    models,
    ...(Object.keys(load).length > 0 && { load }),
    ...(store !== undefined && { store }),
  }
}
