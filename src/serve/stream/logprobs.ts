/**
 * Log probabilities come in pieces with the tokens: their lists are joined, for every other member the later one that
 * is not null counts. Grows `earlier` in place where it is a result of this function.
 */
export function joinLogprobs(earlier: unknown, later: unknown): unknown {
  if (!isRecord(later)) return later ?? earlier
  const joined = isRecord(earlier) ? earlier : {}
  for (const [key, value] of Object.entries(later)) {
    const before = joined[key]
    if (!Array.isArray(value)) joined[key] = value ?? before ?? null
    else if (Array.isArray(before)) for (const item of value) before.push(item)
    else joined[key] = [...value]
  }
  return joined
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
