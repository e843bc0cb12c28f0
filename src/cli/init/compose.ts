import type { Row } from '../../config/edit.ts'
import type { Note } from '../../config/import/foreign.ts'
import { builtIn } from '../../config/schema.ts'
import type { Found } from '../../serve/discover/probe.ts'
import { foundRows } from '../backends/rows.ts'

/** What somebody wants of a first config. */
export interface Answers {
  readonly engines: readonly Found[]
  /** A model that runs here: the small one, or the `source` of another; undefined: none. */
  readonly own: { readonly name: string; readonly source: string } | undefined
  readonly listen: string | undefined
}

export interface Composed {
  /** As YAML has it. */
  readonly tree: Row
  readonly notes: readonly Note[]
}

/** Pure. */
export const composed = ({ engines, own, listen }: Answers): Composed => {
  const backends: Record<string, Row> = {}
  const models: Record<string, Row> = {}
  if (own !== undefined) {
    backends['here'] = builtIn.backends.here
    models[own.name] = { ...builtIn.models.small, source: own.source }
  }
  for (const found of engines) {
    const name = freeIn(backends, found.kind)
    const rows = foundRows(found, { name, taken: Object.keys(models) })
    backends[name] = rows.backend
    Object.assign(models, rows.models)
  }
  return {
    tree: {
      ...(listen !== undefined && { listen }),
      ...(Object.keys(backends).length > 0 && { backends }),
      ...(Object.keys(models).length > 0 && { models }),
    },
    notes: engines.flatMap((found): readonly Note[] => {
      const said = [
        ...found.vulnerabilities.map(({ about, id, fixedIn }) => `${about} (${id}, closed in ${fixedIn})`),
        ...found.cautions,
        ...(found.models.length === 0 ? ['it lists no models: name them in `models`'] : []),
      ]
      return said.map((text) => ({ kind: 'changed', line: 0, path: found.url, text }))
    }),
  }
}

const freeIn = (taken: Readonly<Record<string, unknown>>, wanted: string): string => {
  let name = wanted
  for (let number = 2; Object.hasOwn(taken, name); number += 1) name = `${wanted}-${number}`
  return name
}
