import type { Part } from '../../store/migrate.ts'

/**
 * Responses with what was asked, each sealed; `expires_at` is milliseconds since the epoch. `events` has the stream of a
 * response that ran in the background. `response_item` finds the response that an item of an answer stands in.
 */
export const responseTables: Part = {
  name: 'responses',
  steps: [
    (sql) => [
      `CREATE TABLE response (
         owner TEXT NOT NULL,
         id TEXT NOT NULL,
         expires_at ${sql.integer} NOT NULL,
         bytes ${sql.integer} NOT NULL,
         resource BLOB NOT NULL,
         input BLOB NOT NULL,
         events BLOB,
         PRIMARY KEY (owner, id)
       ) ${sql.table('heap')}`,
      'CREATE INDEX response_by_expiry ON response (expires_at)',
      `CREATE TABLE response_item (
         owner TEXT NOT NULL,
         id TEXT NOT NULL,
         response TEXT NOT NULL,
         PRIMARY KEY (owner, id)
       ) ${sql.table('by-key')}`,
      'CREATE INDEX response_item_by_response ON response_item (owner, response)',
    ],
  ],
}

export const statements = {
  keep: `INSERT INTO response (owner, id, expires_at, bytes, resource, input, events)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (owner, id) DO UPDATE SET expires_at = excluded.expires_at, bytes = excluded.bytes,
         resource = excluded.resource, input = excluded.input, events = excluded.events`,
  keepItem: `INSERT INTO response_item (owner, id, response) VALUES ($1, $2, $3)
             ON CONFLICT (owner, id) DO UPDATE SET response = excluded.response`,
  findItem: 'SELECT response FROM response_item WHERE owner = $1 AND id = $2',
  remove: 'DELETE FROM response WHERE owner = $1 AND id = $2',
  removeItems: 'DELETE FROM response_item WHERE owner = $1 AND response = $2',
  expired: 'SELECT owner, id FROM response WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2',
  oldest: 'SELECT owner, id, bytes FROM response ORDER BY expires_at LIMIT $1',
  total: 'SELECT COALESCE(SUM(bytes), 0) AS bytes FROM response',
  /** What is deleted is overwritten, not only forgotten. */
  overwrite: 'PRAGMA secure_delete = ON',
} as const

/** One sealed part of a response. */
export type SealedPart = 'resource' | 'input' | 'events'

export const selectPart = (part: SealedPart): string =>
  `SELECT ${part} AS sealed FROM response WHERE owner = $1 AND id = $2 AND expires_at > $3`
