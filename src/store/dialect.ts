/**
 * What differs between SQL databases, all of it. Statements elsewhere keep to what SQLite and Postgres share:
 * `$1` placeholders, `ON CONFLICT … DO UPDATE`, `RETURNING`, window-free aggregates.
 */
export interface Dialect {
  /** Column type of a 64-bit integer. */
  readonly integer: string
  /** Column type of text that is compared byte by byte, so that ranges of a prefix work. */
  readonly orderedText: string
  /** A 64-bit key that counts up by itself, with its PRIMARY KEY. */
  readonly countingKey: string
  /** What stands behind `CREATE TABLE (…)`: `rows` are found by their primary key, or also by other ways. */
  table(layout: 'by-key' | 'heap'): string
  /** Statements that make a table refuse an UPDATE or DELETE of rows for which `when` (about `OLD`) holds. */
  refuse(rule: {
    table: string
    action: 'UPDATE' | 'DELETE'
    when?: string
    message: string
  }): readonly string[]
  /** Takes such a refusal back. */
  allow(rule: { table: string; action: 'UPDATE' | 'DELETE' }): readonly string[]
}

export const sqliteDialect: Dialect = {
  integer: 'INTEGER',
  orderedText: 'TEXT',
  countingKey: 'INTEGER PRIMARY KEY',
  table: (layout) => (layout === 'by-key' ? 'STRICT, WITHOUT ROWID' : 'STRICT'),
  refuse: ({ table, action, when, message }) => [
    `CREATE TRIGGER ${table}_no_${action.toLowerCase()} BEFORE ${action} ON ${table}
     ${when === undefined ? '' : `WHEN ${when}`} BEGIN SELECT RAISE(ABORT, '${message}'); END`,
  ],
  allow: ({ table, action }) => [`DROP TRIGGER ${table}_no_${action.toLowerCase()}`],
}
