/** Where a value stands in the config: keys, and numbers in lists. */
export type Path = readonly (string | number)[]

/** As people write it: `models.small.context`, `models["gpt-4.1"].stop[0]`. */
export const pathText = (path: Path): string =>
  path
    .map((step, at) => {
      if (typeof step === 'number') return `[${step}]`
      if (!/^[\w-]+$/.test(step)) return `[${JSON.stringify(step)}]`
      return at === 0 ? step : `.${step}`
    })
    .join('')

/** What stands there in a tree of plain values; undefined where the way ends early. */
export function valueAt(tree: unknown, path: Path): unknown {
  let at = tree
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined
    at = (at as Record<string | number, unknown>)[step]
  }
  return at
}
