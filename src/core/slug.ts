import { hash } from 'node:crypto'

/** A file name for a name of any characters: readable, and its own. */
export const slug = (name: string): string => {
  const readable = name
    .replace(/#.*/, '')
    .replaceAll(/[^\w.=-]+/g, '-')
    .slice(0, 80)
  return `${readable}-${hash('sha256', name, 'hex').slice(0, 12)}`
}
