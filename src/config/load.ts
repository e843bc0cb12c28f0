import { isObject } from '../core/is-object.ts'
import { dirname, relative } from 'node:path'

import { checkReferences } from './check.ts'
import { findFile, readFile } from './file.ts'
import type { Found, Search } from './file.ts'
import { resolveHome } from './home.ts'
import { findingsOf } from './issues.ts'
import type { Finding } from './issues.ts'
import { overlays, withValue } from './layers.ts'
import type { Flags, Origin, Overlay } from './layers.ts'
import { pathText } from './path.ts'
import type { Path } from './path.ts'
import { ConfigInvalid } from './problem.ts'
import { notNamed } from './placeholders.ts'
import type { Problem } from './problem.ts'
import { readYaml } from './read-yaml.ts'
import type { Tree } from './read-yaml.ts'
import { remarksOn, unknownVariables } from './remarks.ts'
import { builtIn, configJsonSchema, schema } from './schema.ts'
import type { Settings } from './schema.ts'
import { envName, settingsOf } from './shape.ts'

export interface LoadOptions extends Omit<Search, 'home'> {
  /** `--home`. */
  readonly home?: string | undefined
  readonly flags?: Flags
  /** `unread`: placeholders of secrets stay as they are written; the environment and files need not have them. */
  readonly secrets?: 'unread'
}

export interface Loaded extends Found {
  /** The file's content with all defaults and placeholders filled in. Holds secrets: show it with `showConfig`. */
  readonly config: Settings
  /** The file as it was read; empty when there is none. */
  readonly text: string
  readonly home: string
  /** By the text of the path: where a value came from. What is not in here is a default. */
  readonly origins: ReadonlyMap<string, Origin>
  /** By the text of the path: what was written where a placeholder was filled in. */
  readonly written: ReadonlyMap<string, string>
  /** What is taken as it is, but is hardly meant so. */
  readonly remarks: readonly Problem[]
}

/**
 * File, then environment, then flags; the later wins. Throws `ConfigInvalid` (`Failure('config_invalid')`) with all
 * mistakes at once, `Failure('config_missing')` when the file that was asked for is not there.
 */
export function loadConfig(options: LoadOptions): Loaded {
  const { env, cwd, flags = {} } = options
  const home = resolveHome({ flag: options.home, env, cwd })
  const found = findFile({ ...options, home })
  const { file, here } = found
  const name = file === undefined ? 'built-in config' : shortPath(file, cwd)
  const text = file === undefined ? '' : readFile(file, name)
  const tree = readYaml(text, {
    env,
    folder: dirname(file ?? cwd),
    isFound: here?.isUsed === true,
    readsSecrets: options.secrets !== 'unread',
  })
  const shape = configJsonSchema()
  const over = overlays(shape, env, flags)
  const merged = over.reduce(
    (value, { path, value: put }) => withValue(value, path, put),
    withBuiltIn(tree.value),
  )
  const parsed = schema.safeParse(merged)
  const origins = originsOf(name, tree, over)
  const context = { shape, tree: merged, written: tree.written }
  const problems = problemsOf(tree, name, origins, [
    ...(parsed.success ? [] : findingsOf(parsed.error.issues, context)),
    ...checkReferences(context),
    ...(here?.isUsed === true ? checkFound(tree.value) : []),
  ])
  if (!parsed.success || problems.length > 0) throw new ConfigInvalid(problems)
  const loaded = { ...found, config: parsed.data, text, home, origins, written: tree.written }
  const names = settingsOf(shape).map(({ path }) => envName(path))
  const remarks = [
    ...remarksOn(parsed.data).map((finding) => placed(finding, loaded)),
    ...unknownVariables(env, names, [...tree.written.values()]),
  ]
  return { ...loaded, remarks }
}

/** A finding about a config that was read, with where it was said. */
export const placed = ({ path, text }: Finding, { origins }: Pick<Loaded, 'origins'>): Problem => ({
  where: whereIs(path, origins) ?? 'default',
  path: pathText(path),
  text,
})

/** Whoever made the folder may have put the file there: it may not say which programs run. (Nor take secrets.) */
const checkFound = (tree: Tree['value']): readonly Finding[] => {
  const { engines, models } = tree
  const rows = isObject(models) ? Object.entries(models) : []
  const under = (path: Path, from: unknown, keys: readonly string[]): readonly (readonly [Path, unknown])[] =>
    keys.map((key) => [[...path, key], isObject(from) ? from[key] : undefined])
  const refused = [
    ...under(['engines'], engines, ['llamaServer', 'programs']),
    ...rows.flatMap(([name, row]) => under(['models', name], row, ['extraArgs', 'env', 'command'])),
  ]
  return refused.flatMap(([path, value]) => (value === undefined ? [] : [{ path, text: notNamed }]))
}

/** What is served where the file names nothing. */
const withBuiltIn = (tree: Tree['value']): Tree['value'] => ({
  ...(tree['backends'] === undefined && tree['models'] === undefined && { models: builtIn.models }),
  backends: builtIn.backends,
  ...tree,
})

/** Later layers take the place of earlier ones, with all that stands below. */
function originsOf(name: string, tree: Tree, over: readonly Overlay[]): ReadonlyMap<string, Origin> {
  const origins = new Map<string, Origin>()
  for (const [path, { line, column }] of tree.positions) origins.set(path, `${name}:${line}:${column}`)
  for (const { path, origin } of over) origins.set(pathText(path), origin)
  return origins
}

function problemsOf(
  tree: Tree,
  name: string,
  origins: ReadonlyMap<string, Origin>,
  findings: readonly Finding[],
): readonly Problem[] {
  const unread = tree.mistakes.map(({ line, column, path, text }) => ({
    where: `${name}:${line}:${column}`,
    path,
    text,
  }))
  const told = new Set(unread.map(({ path }) => path))
  // Where the file could not be read whole, what is missing in it is not the user’s mistake.
  if (told.has('')) return unread
  const others = findings
    .map(({ path, text }) => ({ where: whereIs(path, origins) ?? name, path: pathText(path), text }))
    .filter(({ path }) => !told.has(path))
  const inFile = ({ where }: Problem): number => {
    const [, line, column] = /:(\d+):(\d+)$/.exec(where) ?? []
    return where.startsWith(`${name}:`) ? Number(line) * 100_000 + Number(column) : Number.POSITIVE_INFINITY
  }
  // As one reads the file; what the environment or a flag says comes last.
  return [...unread, ...others].toSorted((one, other) => {
    const [first, second] = [inFile(one), inFile(other)]
    return first === second ? 0 : first - second
  })
}

/** The place of the value, else of the nearest thing around it. */
function whereIs(path: Path, origins: ReadonlyMap<string, Origin>): Origin | undefined {
  for (let length = path.length; length > 0; length--) {
    const origin = origins.get(pathText(path.slice(0, length)))
    if (origin !== undefined) return origin
  }
  return undefined
}

/** As people would type it from here. */
function shortPath(file: string, cwd: string): string {
  const path = relative(cwd, file)
  return path.startsWith('..') ? file : path
}
