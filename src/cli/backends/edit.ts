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

/** The text of the config with what was found, and the rows that it has more. Pure. */
export const withFound = (
  { text, config, origins }: Pick<Loaded, 'text' | 'config' | 'origins'>,
  found: Found,
  { name, models, keyEnv }: Wanted,
) => {
  const rows = foundRows(found, { name, models, keyEnv, taken: writtenModels({ config, origins }) })
  // A section of backends takes the place of the built-in one, which models of the file may need.
  const needsOwn = origins.has('models') && !origins.has('backends')
  let next = needsOwn ? withRow(text, 'backends', 'here', builtIn.backends.here) : text
  next = withRow(next, 'backends', name, rows.backend)
  for (const [model, row] of Object.entries(rows.models)) next = withRow(next, 'models', model, row)
  return { next, rows: { backends: { [name]: rows.backend }, models: rows.models } }
}

/** Not the built-in one, which goes when there are others. */
const writtenModels = ({ config, origins }: Pick<Loaded, 'config' | 'origins'>): readonly string[] =>
  origins.has('models') ? Object.keys(config.models) : []

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
