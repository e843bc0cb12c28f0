import { isObject } from '../../core/is-object.ts'

/**
 * Log probabilities come in pieces with the tokens: their lists are joined, for every other member the later one that
 * is not null counts. Grows `earlier` in place where it is a result of this function.
 */
export function joinLogprobs(earlier: unknown, later: unknown): unknown {
  if (!isObject(later)) return later ?? earlier
  const joined = isObject(earlier) ? earlier : {}
  for (const [key, value] of Object.entries(later)) {
    const before = joined[key]
    if (!Array.isArray(value)) joined[key] = value ?? before ?? null
    else if (Array.isArray(before)) for (const item of value) before.push(item)
    else joined[key] = [...value]
  }
  return joined
}
