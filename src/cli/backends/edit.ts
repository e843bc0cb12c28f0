import { withoutRow, withRoute, withRow } from '../../config/edit.ts'
import type { Loaded, Settings } from '../../config/index.ts'
import { builtIn } from '../../config/schema.ts'
import type { Found } from '../../serve/discover/probe.ts'
import { foundRows } from './rows.ts'

/** Of a backend that is to come. Pure. */
export const freeName = (wanted: string, { backends: taken }: Settings): string => {
  let name = wanted
  for (let number = 2; Object.hasOwn(taken, name); number += 1) name = `${wanted}-${number}`
  return name
}

interface Wanted {
  readonly name: string
  readonly models?: readonly string[]
  readonly keyEnv?: string
}

/** The text of the config with what was found, its rows, and the names that none can have. Pure. */
export const withFound = (
  { text, config, origins }: Pick<Loaded, 'text' | 'config' | 'origins'>,
  found: Found,
  { name, models, keyEnv }: Wanted,
) => {
  const { backend, skipped, ...rows } = foundRows(found, {
    name,
    models,
    keyEnv,
    taken: Object.keys(config.models),
  })
  // A section of backends takes the place of what is built in: that is written down, so that it stays.
  const hasBackends = origins.has('backends')
  let next = hasBackends ? text : withRow(text, 'backends', 'here', builtIn.backends.here)
  next = withRow(next, 'backends', name, backend)
  if (!hasBackends && !origins.has('models')) next = withRow(next, 'models', 'small', builtIn.models.small)
  for (const [model, row] of Object.entries(rows.models)) next = withRow(next, 'models', model, row)
  return { next, rows: { backends: { [name]: backend }, models: rows.models }, skipped }
}

/**
 * The text of the config without a backend, without the rows of `models` that lead to it, and without the routes that
 * lead nowhere then; the names of those rows. Pure.
 */
export const withoutBackend = ({ text, config }: Pick<Loaded, 'text' | 'config'>, name: string) => {
  const models = new Map(Object.entries(config.models))
  const gone = [...models].flatMap(([row, { backend }]) => (backend === name ? [row] : []))
  const changed = new Map<string, readonly string[]>()
  for (let before = -1; before !== gone.length;) {
    before = gone.length
    for (const [row, { route }] of models) {
      if (route === undefined || gone.includes(row)) continue
      const left = route.filter((each) => !gone.includes(each))
      if (left.length === 0) gone.push(row)
      else if (left.length < route.length) changed.set(row, left)
    }
  }
  let next = withoutRow(text, 'backends', name)
  for (const row of gone) next = withoutRow(next, 'models', row)
  for (const [row, route] of changed) if (!gone.includes(row)) next = withRoute(next, row, route)
  return { next, gone }
}
