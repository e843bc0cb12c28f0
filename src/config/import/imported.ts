import type { Row } from '../edit.ts'
import type { Note } from './foreign.ts'

/** What another program’s config becomes. */
export interface Imported {
  /** As YAML has it: whole sections. */
  readonly config: Row
  /** In the order of the other file. */
  readonly notes: readonly Note[]
}
