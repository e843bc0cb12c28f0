import { isObject } from '../core/is-object.ts'
import { asFailure } from '../core/failure.ts'
import { isLoopback } from '../core/hosts.ts'
import { builtInPlaces } from '../core/place.ts'
import { backendKinds, type BackendKind } from '../serve/backends/index.ts'
import { defaultEngine, engineKinds, type EngineKind } from '../serve/engines/kinds/index.ts'
import { parseSource } from '../models/sources/index.ts'
import { parseListen } from './fields.ts'
import { foundText } from './issues.ts'
import type { Context, Finding } from './issues.ts'
import { runKeys } from './model-row.ts'
import { nearest } from './nearest.ts'
import { pathText } from './path.ts'
import type { Path } from './path.ts'

type Rows = Readonly<Record<string, unknown>>

/**
 * What one row says of another. Takes the tree as it was read and not only a valid one, so that all mistakes are
 * told at once; what has the wrong type is passed over, the schema tells that.
 */
export function checkReferences(context: Context): readonly Finding[] {
  const { tree } = context
  const rows = (key: string): Rows => (isObject(tree[key]) ? tree[key] : {})
  const backends = rows('backends')
  const models = rows('models')
  const places = [...Object.keys(builtInPlaces), ...Object.keys(rows('places'))]
  return [
    ...Object.entries(backends).flatMap(([name, row]) =>
      isObject(row) ? named(['backends', name, 'place'], row['place'], places, 'place', context) : [],
    ),
    ...Object.entries(models).flatMap(([name, row]) =>
      isObject(row) ? checkModel(name, row, backends, models, context) : [],
    ),
    ...cycles(models),
    ...checkCompat(tree['compat']),
  ]
}

function checkModel(
  name: string,
  row: Rows,
  backends: Rows,
  models: Rows,
  context: Context,
): readonly Finding[] {
  const path = ['models', name]
  const { backend, route } = row
  if (route !== undefined) {
    const others = Object.keys(row).filter((key) => key !== 'route')
    const wrong = others.map((key) => ({
      path: [...path, key],
      text: 'does not go with `route`, which stands alone',
    }))
    return [...wrong, ...checkRoute(path, route, Object.keys(models), context)]
  }
  if (backend === undefined) return [{ path, text: 'has neither a `backend` nor a `route`' }]
  const missing = named([...path, 'backend'], backend, Object.keys(backends), 'backend', context)
  const target = typeof backend === 'string' ? backends[backend] : undefined
  if (missing.length > 0 || !isObject(target)) return missing
  const kind: BackendKind | undefined = backendKinds.find((each) => each.kind === target['kind'])
  return kind?.runsModels === true ? checkOwnEngine(path, row, context) : checkRemote(path, row, kind)
}

function checkOwnEngine(path: Path, row: Rows, { written }: Context): readonly Finding[] {
  const { source, engine: id = defaultEngine } = row
  if (String(path.at(-1)).includes('*'))
    return [{ path, text: 'has a wildcard, but its backend runs one model' }]
  const engine: EngineKind | undefined = engineKinds.find((each) => each.id === id)
  // What is no engine at all, the schema tells.
  if (engine === undefined) return []
  const wrong = checkEngine(path, row, engine)
  if (wrong.length > 0) return wrong
  if (source === undefined && engine.bringsModels === true) return []
  if (source === undefined) return [{ path, text: 'has no `source`, and its backend runs the model itself' }]
  if (typeof source !== 'string') return []
  try {
    parseSource(source)
    return []
  } catch (error) {
    const at = [...path, 'source']
    // The message quotes the source.
    return [
      { path: at, text: written.has(pathText(at)) ? 'is not a model source' : asFailure(error).message },
    ]
  }
}

/** What every engine takes, or what is for us alone. */
const forAllEngines: ReadonlySet<string> = new Set(
  'engine source slots gpus env pinned priority memoryBytes startTimeoutMs'.split(' '),
)

function checkEngine(path: Path, row: Rows, engine: EngineKind): readonly Finding[] {
  const taken: ReadonlySet<string> = new Set(engine.takes)
  const wrong = runKeys.filter((key) => row[key] !== undefined && !forAllEngines.has(key) && !taken.has(key))
  const missing = (engine.needs ?? []).filter((key) => row[key] === undefined)
  const others = [
    ...wrong.map((key) => ({ path: [...path, key], text: `is not for engine: ${engine.id}` })),
    ...missing.map((key) => ({ path, text: `has no \`${key}\`, which engine: ${engine.id} needs` })),
  ]
  const { command } = row
  const speaks = isObject(command) ? command['speaks'] : undefined
  const dialects = backendKinds.map(({ kind }) => kind)
  if (typeof speaks !== 'string' || dialects.includes(speaks)) return others
  const text = `names a kind of backend that is not there; there are ${dialects.join(', ')}`
  return [...others, { path: [...path, 'command', 'speaks'], text }]
}

const checkRemote = (path: Path, row: Rows, kind: BackendKind | undefined): readonly Finding[] =>
  runKeys
    .filter((key) => row[key] !== undefined && !(key === 'context' && kind?.takesContext === true))
    .map((key) => ({ path: [...path, key], text: 'is only for backends that run the model themselves' }))

function checkRoute(
  path: Path,
  route: unknown,
  names: readonly string[],
  context: Context,
): readonly Finding[] {
  if (!Array.isArray(route)) return []
  return route.flatMap((name, index) => named([...path, 'route', index], name, names, 'model', context))
}

/** Each circle is told once, at its first row. */
function cycles(models: Rows): readonly Finding[] {
  const done = new Set<string>()
  const findings: Finding[] = []
  const visit = (name: string, way: readonly string[]): void => {
    const from = way.indexOf(name)
    if (from !== -1) {
      const circle = [...way.slice(from), name].join(' → ')
      findings.push({ path: ['models', name, 'route'], text: `goes in a circle: ${circle}` })
    }
    if (done.has(name)) return
    done.add(name)
    const row = models[name]
    const route = isObject(row) ? row['route'] : undefined
    if (Array.isArray(route)) for (const next of route) visit(String(next), [...way, name])
  }
  for (const name of Object.keys(models)) visit(name, [])
  return findings
}

function named(
  path: Path,
  name: unknown,
  known: readonly string[],
  what: string,
  context: Context,
): readonly Finding[] {
  if (typeof name !== 'string' || known.includes(name)) return []
  const meant = nearest(name, known)
  const others = known.length === 0 ? 'there is none' : `there are ${known.join(', ')}`
  const hint = meant === undefined ? others : `did you mean ${meant}?`
  return [{ path, text: `names a ${what} that is not there${foundText(path, context)}; ${hint}` }]
}

function checkCompat(compat: unknown): readonly Finding[] {
  const listen = isObject(compat) ? compat['listen'] : undefined
  if (typeof listen !== 'string') return []
  const { host } = parseListen(listen)
  // What is no address at all, the schema tells.
  if (host === '' || isLoopback(host)) return []
  return [
    { path: ['compat', 'listen'], text: 'must be on this machine (127.0.0.1): its callers show no key' },
  ]
}
