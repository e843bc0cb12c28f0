import type { Dialect } from './dialect.ts'

export type Value = string | number | Uint8Array | null

export interface Reader {
  /**
   * Rows of one statement. Placeholders are `$1`, `$2` …, first used in that order. Integers come back as numbers.
   * Outside a transaction it sees what was committed when it began.
   */
  all<Row = Record<string, Value>>(sql: string, values?: readonly Value[]): Promise<readonly Row[]>
}

export interface Transaction extends Reader {
  /** One statement for each list of values; answers how many rows each of them changed. */
  run(sql: string, lists: readonly (readonly Value[])[]): Promise<readonly number[]>
}

/**
 * A place for tables that several processes share. Every call rejects with
 * `Failure('store_full' | 'store_failed' | 'store_busy' | 'store_damaged')`.
 */
export interface Store extends Reader {
  readonly dialect: Dialect
  /**
   * All of `work` or nothing; committed when it resolves. Transactions of one process wait for each other, so
   * `work` awaits nothing but its own statements.
   */
  transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T>
  /**
   * Empties the log that commits are written to before the file, so that what was deleted stands in neither. False
   * where another process is at work on it just now. Blocks this process.
   */
  checkpoint(): Promise<boolean>
  /** Calls back within a second after another process has committed. Answers a function that ends it. */
  watch(onChange: () => void): () => void
  /** A consistent copy while others go on writing; the file appears whole or not at all. Blocks this process. */
  backup(file: string): Promise<void>
  close(): Promise<void>
}
