import { isObject } from '../core/is-object.ts'
import { envName, settingsOf } from './shape.ts'
import type { Setting, Shape } from './shape.ts'

/** Where a value came from, as it is shown: `default`, `inhouse.yaml:3:5`, `INHOUSE_LISTEN`, `--listen`. */
export type Origin = string

/** Values by the path of a setting (`listen`, `server.drainMs`), as the command line gives them. */
export type Flags = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>

export interface Overlay {
  readonly path: readonly string[]
  readonly value: unknown
  readonly origin: Origin
}

/** What environment and flags say, flags last. Values stay as they are where they do not fit: the schema will tell. */
export function overlays(
  root: Shape,
  env: Readonly<Record<string, string | undefined>>,
  flags: Flags,
): readonly Overlay[] {
  const given = Object.entries(flags).filter(([, value]) => value !== undefined)
  const settings = settingsOf(root)
  const fromEnv = settings.flatMap(({ path, shape }) => {
    const value = env[envName(path)]
    return value === undefined ? [] : [{ path, value: fromText(value, shape), origin: envName(path) }]
  })
  const byPath = new Map(settings.map((setting): [string, Setting] => [setting.path.join('.'), setting]))
  const fromFlags = given.map(([name, value]) => {
    const setting = byPath.get(name)
    const read = typeof value === 'string' && setting !== undefined ? fromText(value, setting.shape) : value
    return { path: setting?.path ?? name.split('.'), value: read, origin: `--${name}` }
  })
  return [...fromEnv, ...fromFlags]
}

function fromText(text: string, shape: Shape): unknown {
  switch (shape.type) {
    case 'integer':
    case 'number':
      return text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text)
    case 'boolean':
      return { true: true, '1': true, false: false, '0': false }[text] ?? text
    case 'array':
      return text === '' ? [] : text.split(',').map((item) => item.trim())
    default:
      return text
  }
}

/** The tree with a value put in; objects on the way are copied, and made where there is none. */
export function withValue(tree: unknown, path: readonly string[], value: unknown): Record<string, unknown> {
  const copy = isObject(tree) ? { ...tree } : {}
  const [step = '', ...rest] = path
  copy[step] = rest.length === 0 ? value : withValue(copy[step], rest, value)
  return copy
}
