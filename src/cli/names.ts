import { nearest } from '../config/nearest.ts'
import { matchName } from '../core/names.ts'

/** `There is no model named smal; did you mean small?` Pure. */
export const noSuch = (what: string, name: string, known: readonly string[]): string => {
  const meant = nearest(name, known)
  return `There is no ${what} named ${name}${meant === undefined ? '.' : `; did you mean ${meant}?`}`
}

const mostListed = 12

/** `a, b, c and 4 more`. Pure. */
export const listText = (names: readonly string[]): string => {
  const more = names.length - mostListed
  return `${names.slice(0, mostListed).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

/** A sentence for each name that can mean nothing of what is known. Pure. */
export const strangers = (what: string, names: readonly string[], known: readonly string[]): string[] =>
  names
    .filter((name) => !meansAny(name, known))
    .map((name) => `${noSuch(what, name, known)} The config has ${listText(known)}.`)

/** Whether a name that may have `*` in it can mean one of those that may have it too. Pure. */
const meansAny = (name: string, known: readonly string[]): boolean =>
  known.some((other) => overlaps(name, other))

/** Whether some text fits both. Where both have a star, what stands between the ends can always be put together. */
const overlaps = (one: string, other: string): boolean => {
  if (!one.includes('*')) return matchName(one, [other]) !== undefined
  if (!other.includes('*')) return matchName(other, [one]) !== undefined
  const [a, b] = [endsOf(one), endsOf(other)]
  const start = a.head.startsWith(b.head) || b.head.startsWith(a.head)
  return start && (a.tail.endsWith(b.tail) || b.tail.endsWith(a.tail))
}

const endsOf = (pattern: string): { readonly head: string; readonly tail: string } => ({
  head: pattern.slice(0, pattern.indexOf('*')),
  tail: pattern.slice(pattern.lastIndexOf('*') + 1),
})
