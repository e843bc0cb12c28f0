import type { Value } from '../../store/store.ts'
import type { Part } from '../../store/migrate.ts'
import type { Limits } from './limits.ts'

/** A key as everybody but its owner sees it: all but the secret. Times are milliseconds since the epoch. */
export interface Key {
  /** Public: `key_…`. */
  readonly id: string
  readonly name: string
  readonly team: string | undefined
  readonly tags: readonly string[]
  /** Model names (with `*`) that it may ask for; undefined: all. */
  readonly models: readonly string[] | undefined
  /** Names of places that may answer it; undefined: all. */
  readonly places: readonly string[] | undefined
  /** It may bring models to this machine and take them away. */
  readonly admin: boolean
  /** Its own, in place of the general ones. */
  readonly limits: Limits
  readonly createdAt: number
  readonly expiresAt: number | undefined
  readonly revokedAt: number | undefined
  /** Right to about ten minutes. */
  readonly lastUsedAt: number | undefined
}

/** `api_key_change` counts what happens to the keys, so that other processes see it without reading them all. */
export const keyTables: Part = {
  name: 'guard',
  steps: [
    (sql) => [
      `CREATE TABLE api_key (
         id TEXT PRIMARY KEY,
         hash TEXT NOT NULL UNIQUE,
         name TEXT NOT NULL,
         team TEXT,
         tags TEXT NOT NULL,
         models TEXT,
         places TEXT,
         limits TEXT NOT NULL,
         created_at ${sql.integer} NOT NULL,
         expires_at ${sql.integer},
         revoked_at ${sql.integer},
         last_used_at ${sql.integer}
       ) ${sql.table('by-key')}`,
      'CREATE UNIQUE INDEX api_key_name ON api_key (name) WHERE revoked_at IS NULL',
      `CREATE TABLE api_key_change (
         id TEXT PRIMARY KEY,
         version ${sql.integer} NOT NULL
       ) ${sql.table('by-key')}`,
      "INSERT INTO api_key_change (id, version) VALUES ('keys', 0)",
    ],
    (sql) => [`ALTER TABLE api_key ADD COLUMN admin ${sql.integer} NOT NULL DEFAULT 0`],
  ],
}

export interface KeyRow {
  readonly id: string
  readonly hash: string
  readonly name: string
  readonly team: string | null
  readonly tags: string
  readonly models: string | null
  readonly places: string | null
  readonly limits: string
  readonly created_at: number
  readonly expires_at: number | null
  readonly revoked_at: number | null
  readonly last_used_at: number | null
  readonly admin: number
}

const columns = [
  'id',
  'hash',
  'name',
  'team',
  'tags',
  'models',
  'places',
  'limits',
  'created_at',
  'expires_at',
  'revoked_at',
  'last_used_at',
  'admin',
] as const satisfies readonly (keyof KeyRow)[]

export const statements = {
  all: `SELECT ${columns.join(', ')} FROM api_key ORDER BY created_at, id`,
  insert: `INSERT INTO api_key (${columns.join(', ')}) VALUES (${columns.map((_, i) => `$${i + 1}`).join(', ')})`,
  named: 'SELECT id FROM api_key WHERE (id = $1 OR name = $2) AND revoked_at IS NULL',
  revoke: 'UPDATE api_key SET revoked_at = $1 WHERE id = $2',
  used: 'UPDATE api_key SET last_used_at = $1 WHERE id = $2',
  version: 'SELECT version FROM api_key_change',
  bump: 'UPDATE api_key_change SET version = version + 1',
} as const

export const rowOf = (key: Key, hash: string): readonly Value[] => [
  key.id,
  hash,
  key.name,
  key.team ?? null,
  JSON.stringify(key.tags),
  listOrNull(key.models),
  listOrNull(key.places),
  JSON.stringify(key.limits),
  key.createdAt,
  key.expiresAt ?? null,
  key.revokedAt ?? null,
  key.lastUsedAt ?? null,
  Number(key.admin),
]

export const keyOf = (row: KeyRow): Key => ({
  id: row.id,
  name: row.name,
  team: row.team ?? undefined,
  tags: JSON.parse(row.tags) as string[],
  models: listOf(row.models),
  places: listOf(row.places),
  admin: row.admin === 1,
  limits: JSON.parse(row.limits) as Limits,
  createdAt: row.created_at,
  expiresAt: row.expires_at ?? undefined,
  revokedAt: row.revoked_at ?? undefined,
  lastUsedAt: row.last_used_at ?? undefined,
})

const listOrNull = (list: readonly string[] | undefined): string | null =>
  list === undefined ? null : JSON.stringify(list)

const listOf = (text: string | null): readonly string[] | undefined =>
  text === null ? undefined : (JSON.parse(text) as string[])
