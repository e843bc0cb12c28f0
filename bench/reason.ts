import { root } from './options.ts'

/** Why something went wrong, in one line, and without the folders of this machine: it goes into the report. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.replaceAll(root, '').replaceAll(/\s+/g, ' ').trim()
}
