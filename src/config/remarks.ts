import { matchName } from '../core/names.ts'
import { builtInPlaces } from '../core/place.ts'
import { isCloudName, kindOf } from '../serve/backends/index.ts'
import type { Finding } from './issues.ts'
import { nearest } from './nearest.ts'
import type { Problem } from './problem.ts'
import type { Settings } from './schema.ts'

/** What is taken as it is, but is hardly meant so. Pure. */
export function remarksOn(config: Settings): readonly Finding[] {
  const rows = Object.keys(config.models)
  if (rows.length === 0) return [{ path: ['models'], text: 'names no model: nothing is served' }]
  return [...vainLimits(config, rows), ...handedOn(config)]
}

const vainLimits = ({ limits }: Settings, rows: readonly string[]): readonly Finding[] =>
  Object.keys(limits.models)
    .filter((name) => !takes(rows, name))
    .map((name) => ({
      path: ['limits', 'models', name],
      text: `limits nothing: no row of \`models\` takes that name; ${nearRow(name, rows)}`,
    }))

/** Rows whose calls their backend refuses: an Ollama would hand them on to its cloud. */
function handedOn({ models, backends, places }: Settings): readonly Finding[] {
  const known: Readonly<Record<string, { readonly kind: string } | undefined>> = {
    ...builtInPlaces,
    ...places,
  }
  return Object.entries(models).flatMap(([name, { backend = '', model = name }]) => {
    const row = backends[backend]
    if (row === undefined || kindOf(row).runsModels === true || !isCloudName(model)) return []
    const place = kindOf(row).placeOf(row)
    if (known[place]?.kind === 'third-party') return []
    return [
      {
        path: ['models', name],
        text: `is a model of Ollama’s cloud, and the place of ${backend} is ${place}: every call is refused; give that backend \`place: cloud\``,
      },
    ]
  })
}

const nearRow = (name: string, rows: readonly string[]): string => {
  const meant = nearest(name, rows)
  return meant === undefined ? `there are ${rows.join(', ')}` : `did you mean ${meant}?`
}

/** A call may come under this name; under one of these, where it has a wildcard. */
const takes = (rows: readonly string[], name: string): boolean =>
  matchName(name, rows) !== undefined || rows.some((row) => matchName(row, [name]) !== undefined)

/** What the program itself reads, and what its launcher hands it. */
const own = ['INHOUSE_HOME', 'INHOUSE_CONFIG', 'INHOUSE_KEY', 'INHOUSE_PARENT_FD']

/** Kubernetes gives them to every container beside a service that is called inhouse. */
const ofService = /^INHOUSE_(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/

/** Variables that look like settings and are none. `settings`: their names. `filled`: what was written with placeholders. */
export function unknownVariables(
  env: Readonly<Record<string, string | undefined>>,
  settings: readonly string[],
  filled: readonly string[],
): readonly Problem[] {
  const known = [...own, ...settings]
  return Object.keys(env)
    .filter((name) => name.startsWith(prefix) && !known.includes(name) && !ofService.test(name))
    .filter((name) => !filled.some((text) => text.includes(`\${${name}}`)))
    .map((name) => ({
      where: name,
      path: '',
      text: `is no setting, and nothing is done with it; ${hint(name, known)}`,
    }))
}

const prefix = 'INHOUSE_'

/** Those that begin alike, where none is near. */
function hint(name: string, known: readonly string[]): string {
  const bare = (each: string): string => each.slice(prefix.length)
  const meant = nearest(bare(name), known.map(bare))
  if (meant !== undefined) return `did you mean ${prefix}${meant}?`
  for (let head = name; head.lastIndexOf('_') >= prefix.length;) {
    head = head.slice(0, head.lastIndexOf('_'))
    const alike = known.filter((each) => each.startsWith(`${head}_`))
    if (alike.length > 0) return `there are ${alike.join(', ')}`
  }
  return '`inhouse config show` has all that there are'
}
