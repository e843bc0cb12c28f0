import { SQLiteError } from 'bun:sqlite'

import { Failure } from '../core/failure.ts'

/** What SQLite or the file system threw, in the words of the failure table. Other values pass as they are. */
export const storeFailure = (thrown: unknown, path: string): unknown => {
  const code = codeOf(thrown)
  if (code === undefined) return thrown
  const [, failure, what] = cases.find(([pattern]) => pattern.test(code)) ?? otherCase
  return new Failure(failure, `${what} (${path}, ${code}).`, { cause: thrown })
}

const otherCase = [/./, 'store_failed', 'The store cannot be read or written'] as const
const cases = [
  [/^(SQLITE_FULL|ENOSPC|EDQUOT)$/, 'store_full', 'The disk of the store is full'],
  [/^(EROFS|EACCES|EPERM)$/, 'path_unusable', 'The store cannot be written here'],
  [/^SQLITE_(BUSY|LOCKED)/, 'store_busy', 'Another process holds the store'],
  [/^SQLITE_(CORRUPT|NOTADB)/, 'store_damaged', 'The file is damaged, or is not a store'],
] as const

const codeOf = (thrown: unknown): string | undefined => {
  if (thrown instanceof SQLiteError) return thrown.code ?? 'SQLITE_ERROR'
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
  return typeof code === 'string' && /^E[A-Z]+$/.test(code) ? code : undefined
}
