import { isUtf8 } from 'node:buffer'
import { closeSync, existsSync, openSync, readSync, realpathSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

import { Failure } from '../core/failure.ts'
import { checkReferences } from './check.ts'
import { resolveHome } from './home.ts'
import { findingsOf } from './issues.ts'
import type { Finding } from './issues.ts'
import { overlays, withValue } from './layers.ts'
import type { Flags, Origin, Overlay } from './layers.ts'
import { isRecord, pathText } from './path.ts'
import type { Path } from './path.ts'
import { ConfigInvalid } from './problem.ts'
import { notNamed } from './placeholders.ts'
import type { Problem } from './problem.ts'
import { readYaml } from './read-yaml.ts'
import type { Tree } from './read-yaml.ts'
import { builtIn, configJsonSchema, schema } from './schema.ts'
import type { Settings } from './schema.ts'

export interface LoadOptions {
  /** `--config`. */
  readonly file?: string | undefined
  /** `--home`. */
  readonly home?: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  readonly flags?: Flags
  readonly cwd: string
  /** Takes `inhouse.yaml` of the working directory too: for commands that say which file they use. */
  readonly here?: boolean
}

export interface Loaded {
  /** The file's content with all defaults and placeholders filled in. Holds secrets: show it with `showConfig`. */
  readonly config: Settings
  /** Absolute; undefined when there is none and the built-in model is served. */
  readonly file: string | undefined
  readonly home: string
  /** `inhouse.yaml` of the working directory, where nobody named it: whether it was used. Undefined: there is none. */
  readonly here: { readonly file: string; readonly isUsed: boolean } | undefined
  /** By the text of the path: where a value came from. What is not in here is a default. */
  readonly origins: ReadonlyMap<string, Origin>
  /** By the text of the path: what was written where a placeholder was filled in. */
  readonly written: ReadonlyMap<string, string>
}

/**
 * File, then environment, then flags; the later wins. Throws `ConfigInvalid` (`Failure('config_invalid')`) with all
 * mistakes at once, `Failure('config_missing')` when the file that was asked for is not there.
 */
export function loadConfig(options: LoadOptions): Loaded {
  const { env, cwd, flags = {} } = options
  const home = resolveHome({ flag: options.home, env, cwd })
  const { file, here } = findFile(options, home)
  const name = file === undefined ? 'built-in config' : shortPath(file, cwd)
  const tree = readYaml(file === undefined ? '' : readText(file, name), {
    env,
    folder: dirname(file ?? cwd),
    isFound: here?.isUsed === true,
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
  return { config: parsed.data, file, home, here, origins, written: tree.written }
}

/** `--config`, `INHOUSE_CONFIG`, `./inhouse.yaml` (see `here`), `<home>/inhouse.yaml`: the first that is named or there. */
function findFile(options: LoadOptions, home: string): Pick<Loaded, 'file' | 'here'> {
  const { env, cwd } = options
  const named = options.file ?? env['INHOUSE_CONFIG']
  if (named !== undefined && named !== '') return { file: resolve(cwd, named), here: undefined }
  const kept = existing(home)
  const found = existing(cwd)
  const isOther = found !== undefined && (kept === undefined || realpathSync(found) !== realpathSync(kept))
  const here = isOther ? { file: found, isUsed: options.here === true } : undefined
  return { file: here?.isUsed === true ? here.file : kept, here }
}

const existing = (folder: string): string | undefined => {
  const path = join(folder, 'inhouse.yaml')
  return existsSync(path) ? path : undefined
}

/** Whoever made the folder may have put the file there: it may not say which programs run. (Nor take secrets.) */
const checkFound = (tree: Tree['value']): readonly Finding[] => {
  const { engines, models } = tree
  const rows = isRecord(models) ? Object.entries(models) : []
  const refused: readonly (readonly [path: Path, value: unknown])[] = [
    [['engines', 'llamaServer'], isRecord(engines) ? engines['llamaServer'] : undefined],
    ...rows.map(
      ([name, row]) => [['models', name, 'extraArgs'], isRecord(row) ? row['extraArgs'] : undefined] as const,
    ),
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
  return [...unread, ...others]
}

/** The place of the value, else of the nearest thing around it. */
function whereIs(path: Path, origins: ReadonlyMap<string, Origin>): Origin | undefined {
  for (let length = path.length; length > 0; length--) {
    const origin = origins.get(pathText(path.slice(0, length)))
    if (origin !== undefined) return origin
  }
  return undefined
}

const maxFileBytes = 1024 ** 2

function readText(file: string, name: string): string {
  const unreadable = (text: string): ConfigInvalid => new ConfigInvalid([{ where: name, path: '', text }])
  const buffer = Buffer.allocUnsafe(maxFileBytes + 1)
  let length = 0
  try {
    const handle = openSync(file, 'r')
    try {
      for (let read = -1; read !== 0 && length < buffer.length; length += read) {
        read = readSync(handle, buffer, length, buffer.length - length, null)
      }
    } finally {
      closeSync(handle)
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw new Failure('config_missing', `There is no config file ${file}.`)
    throw unreadable(`cannot be read (${code})`)
  }
  if (length > maxFileBytes) throw unreadable('has more than 1 MiB')
  const bytes = buffer.subarray(0, length)
  if (!isUtf8(bytes)) throw unreadable('is not UTF-8 text')
  return new TextDecoder().decode(bytes)
}

/** As people would type it from here. */
function shortPath(file: string, cwd: string): string {
  const path = relative(cwd, file)
  return path.startsWith('..') ? file : path
}
