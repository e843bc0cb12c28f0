import type { Origin } from './layers.ts'
import type { Loaded } from './load.ts'
import { pathText } from './path.ts'
import type { Path } from './path.ts'
import { isSecret } from './secrets.ts'

/** One value, and where it came from: `default`, `inhouse.yaml:3:5`, `INHOUSE_LISTEN`, `--listen`. */
export interface Explained {
  readonly path: string
  readonly value: unknown
  readonly from: Origin
}

/** Every value of the config, one by one. Secrets are not in it. */
export function explainConfig(loaded: Loaded): readonly Explained[] {
  const rows: Explained[] = []
  walk(loaded, loaded.config, [], (path, value) => {
    rows.push({ path: pathText(path), value, from: originOf(path, loaded.origins) })
  })
  return rows
}

/** The whole config as it could stand in a file, placeholders as they were written, other secrets as `***`. */
export const showConfig = (loaded: Loaded): unknown => walk(loaded, loaded.config, [], () => {})

/** A copy that may be shown; tells every value on the way. */
function walk(
  loaded: Loaded,
  value: unknown,
  path: Path,
  tell: (path: Path, value: unknown) => void,
): unknown {
  const isEmpty = typeof value === 'object' && value !== null && Object.keys(value).length === 0
  if (typeof value !== 'object' || value === null || isEmpty) {
    const shown =
      loaded.written.get(pathText(path)) ?? (typeof value === 'string' && isSecret(path) ? '***' : value)
    tell(path, shown)
    return shown
  }
  if (Array.isArray(value)) return value.map((item, index) => walk(loaded, item, [...path, index], tell))
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, walk(loaded, item, [...path, key], tell)]),
  )
}

/** Its own place, or that of the list or row that was given as a whole. */
function originOf(path: Path, origins: ReadonlyMap<string, Origin>): Origin {
  const own = origins.get(pathText(path))
  if (own !== undefined) return own
  return typeof path.at(-1) === 'number' ? originOf(path.slice(0, -1), origins) : 'default'
}
