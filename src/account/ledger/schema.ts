import type { Dialect } from '../../store/dialect.ts'
import type { Part } from '../../store/migrate.ts'

/** What most requests share with many others: written once, referred to by a number. */
export const seriesFields = [
  'key_id',
  'team',
  'operation',
  'surface',
  'asked_model',
  'served_model',
  'backend',
  'place',
  'label',
  'currency',
] as const

/** The figures of one request; null where nobody said. Times in microseconds, so that sums are exact. */
export const entryFigures = [
  'input_tokens',
  'output_tokens',
  'cached_tokens',
  'cache_write_tokens',
  'reasoning_tokens',
  'queue_us',
  'first_event_us',
  'total_us',
  'prefill_us',
  'decode_us',
  'cost_nano',
] as const

/** What the rollups add up. */
export const measures = [
  'requests',
  'input_tokens',
  'output_tokens',
  'cached_tokens',
  'cache_write_tokens',
  'reasoning_tokens',
  'estimated_tokens',
  'queue_us',
  'first_event_us',
  'first_events',
  'total_us',
  'cost_nano',
] as const

const each = (names: readonly string[], type: string): string =>
  names.map((name) => `${name} ${type}`).join(', ')

/**
 * One row per admitted request, first in `ledger_hold`, then in `ledger_entry`. There is no column that could hold a
 * prompt. Rows of `ledger_entry` never change, but for those given up as `lost` whose settlement comes after all; only those
 * older than `ledger_floor` may go.
 */
const first = (sql: Dialect): readonly string[] => [
  `CREATE TABLE ledger_series (id ${sql.countingKey}, ${each(seriesFields, 'TEXT NOT NULL')},
     UNIQUE (${seriesFields.join(', ')})) ${sql.table('heap')}`,
  `CREATE TABLE ledger_decision (id ${sql.countingKey}, digest TEXT NOT NULL UNIQUE, json TEXT NOT NULL,
     last_day ${sql.integer} NOT NULL) ${sql.table('heap')}`,
  `CREATE TABLE ledger_instance (id TEXT PRIMARY KEY, lease_until ${sql.integer} NOT NULL) ${sql.table('by-key')}`,
  `CREATE TABLE ledger_hold (id ${sql.orderedText} PRIMARY KEY, instance TEXT NOT NULL, at ${sql.integer} NOT NULL,
     series ${sql.integer} NOT NULL, decision ${sql.integer} NOT NULL, tags TEXT NOT NULL,
     reserved_nano ${sql.integer}) ${sql.table('by-key')}`,
  `CREATE TABLE ledger_entry (id ${sql.orderedText} PRIMARY KEY, at ${sql.integer} NOT NULL,
     series ${sql.integer} NOT NULL, decision ${sql.integer} NOT NULL, tags TEXT NOT NULL, attempts TEXT NOT NULL,
     outcome TEXT NOT NULL, failure TEXT, count_sources TEXT NOT NULL,
     ${each(entryFigures, sql.integer)}) ${sql.table('by-key')}`,
  `CREATE TABLE ledger_day (day ${sql.integer} NOT NULL, series ${sql.integer} NOT NULL, outcome TEXT NOT NULL,
     ${each(measures, `${sql.integer} NOT NULL`)}, PRIMARY KEY (day, series, outcome)) ${sql.table('by-key')}`,
  `CREATE TABLE ledger_day_tag (day ${sql.integer} NOT NULL, tag TEXT NOT NULL, series ${sql.integer} NOT NULL,
     outcome TEXT NOT NULL, ${each(measures, `${sql.integer} NOT NULL`)},
     PRIMARY KEY (day, tag, series, outcome)) ${sql.table('by-key')}`,
  `CREATE TABLE ledger_floor (one ${sql.integer} PRIMARY KEY, at ${sql.integer} NOT NULL) ${sql.table('heap')}`,
  'INSERT INTO ledger_floor (one, at) VALUES (1, 0)',
  ...sql.refuse({ table: 'ledger_entry', action: 'UPDATE', message: 'the ledger is append-only' }),
  ...sql.refuse({
    table: 'ledger_entry',
    action: 'DELETE',
    when: 'OLD.at >= (SELECT at FROM ledger_floor)',
    message: 'the ledger is append-only',
  }),
]

const second = (sql: Dialect): readonly string[] => [
  ...sql.allow({ table: 'ledger_entry', action: 'UPDATE' }),
  ...sql.refuse({
    table: 'ledger_entry',
    action: 'UPDATE',
    when: "OLD.outcome <> 'lost'",
    message: 'the ledger is append-only',
  }),
]

export const ledgerTables: Part = { name: 'ledger', steps: [first, second] }
