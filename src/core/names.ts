/** The short form of a name that has Ollama's tag for "no tag": its clients put `:latest` behind names without one. */
export const untagged = (name: string): string =>
  name.endsWith(':latest') ? name.slice(0, -':latest'.length) : name

/**
 * The entry that a name falls under: itself, also without `:latest`, else the wildcard (`*` stands for any characters)
 * with the most fixed ones.
 */
export function matchName(name: string, entries: readonly string[]): string | undefined {
  if (entries.includes(name)) return name
  const short = untagged(name)
  if (entries.includes(short)) return short
  let best: string | undefined
  for (const entry of entries) {
    if (entry.includes('*') && fits(name, entry) && (best === undefined || fixed(entry) > fixed(best)))
      best = entry
  }
  return best
}

const fixed = (entry: string): number => entry.replaceAll('*', '').length

/** Linear, however many stars: each piece is looked for behind the one before. */
function fits(name: string, entry: string): boolean {
  const pieces = entry.split('*')
  const head = pieces[0] ?? ''
  const tail = pieces.at(-1) ?? ''
  if (!name.startsWith(head) || name.length < head.length + tail.length || !name.endsWith(tail)) return false
  let at = head.length
  const limit = name.length - tail.length
  for (const piece of pieces.slice(1, -1)) {
    const found = name.indexOf(piece, at)
    if (found === -1 || found + piece.length > limit) return false
    at = found + piece.length
  }
  return at <= limit
}
