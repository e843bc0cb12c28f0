import { closeSync, openSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Database, SQLiteError } from 'bun:sqlite'
import type { Statement } from 'bun:sqlite'

import { sqliteDialect } from './dialect.ts'
import { storeFailure } from './failures.ts'
import type { Store, Transaction, Value } from './store.ts'

export interface SqliteOptions {
  /** `normal` survives the death of the process; `full` also that of the machine, at a flush of the disk a commit. */
  readonly sync: 'normal' | 'full'
}

/** How long a process waits for another one's transaction; it sleeps in between, so that its event loop turns. */
const busyMs = 5_000
const busyStepMs = 2
/** Reading waits only while another process repairs the file after a crash. */
const readerBusyMs = 1_000
const watchMs = 250

/** One file in WAL mode: a connection that writes, and one that reads what is committed. */
export class SqliteStore implements Store {
  readonly dialect = sqliteDialect
  readonly #path: string
  readonly #writer: Connection
  readonly #reader: Connection
  readonly #transaction: Transaction
  readonly #watchers = new Set<() => void>()
  #last: Promise<unknown> = Promise.resolve()
  #timer: ReturnType<typeof setInterval> | undefined
  #version = 0

  constructor(path: string, options: SqliteOptions) {
    this.#path = path
    try {
      // The file belongs to its owner alone; SQLite gives the WAL beside it the same mode.
      closeSync(openSync(path, 'a', 0o600))
      this.#writer = new Connection(path, options, 0)
      this.#reader = new Connection(path, options, readerBusyMs)
    } catch (error) {
      throw storeFailure(error, path)
    }
    const writer = this.#writer
    this.#transaction = {
      all: async <Row>(sql: string, values: readonly Value[] = []) =>
        writer.statement(sql).all(...values) as readonly Row[],
      run: async (sql, lists) => {
        const statement = writer.statement(sql)
        return lists.map((values) => statement.run(...values).changes)
      },
    }
  }

  async all<Row>(sql: string, values: readonly Value[] = []): Promise<readonly Row[]> {
    try {
      return this.#reader.statement(sql).all(...values) as readonly Row[]
    } catch (error) {
      throw storeFailure(error, this.#path)
    }
  }

  transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const result = this.#last.then(() => this.#run(work))
    this.#last = result.catch(() => {})
    return result
  }

  checkpoint(): Promise<boolean> {
    const result = this.#last.then(() => this.#checkpoint())
    this.#last = result.catch(() => {})
    return result
  }

  #checkpoint(): boolean {
    try {
      const [row] = this.#writer.statement('PRAGMA wal_checkpoint(TRUNCATE)').all() as { busy: number }[]
      return row?.busy === 0
    } catch (error) {
      if (isBusy(error)) return false
      throw storeFailure(error, this.#path)
    }
  }

  async #run<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const { db } = this.#writer
    try {
      await this.#begin()
      const result = await work(this.#transaction)
      this.#writer.statement('COMMIT').run()
      return result
    } catch (error) {
      // A full disk may already have rolled it back.
      if (db.inTransaction) this.#writer.statement('ROLLBACK').run()
      throw storeFailure(error, this.#path)
    }
  }

  async #begin(): Promise<void> {
    const begin = this.#writer.statement('BEGIN IMMEDIATE')
    for (let waitedMs = 0; ; waitedMs += busyStepMs) {
      try {
        begin.run()
        return
      } catch (error) {
        if (!isBusy(error) || waitedMs >= busyMs) throw error
        await Bun.sleep(busyStepMs)
      }
    }
  }

  watch(onChange: () => void): () => void {
    if (this.#timer === undefined) {
      this.#version = this.#dataVersion()
      this.#timer = setInterval(() => this.#look(), watchMs)
      this.#timer.unref()
    }
    // Wrapped, so that one function given twice is two watches.
    const watcher = () => onChange()
    this.#watchers.add(watcher)
    return () => {
      this.#watchers.delete(watcher)
      if (this.#watchers.size > 0) return
      clearInterval(this.#timer)
      this.#timer = undefined
    }
  }

  #look(): void {
    const version = this.#dataVersion()
    if (version === this.#version) return
    this.#version = version
    for (const watcher of this.#watchers) watcher()
  }

  /** Changes when another connection has committed; asked of the writer, so our own commits do not count. */
  #dataVersion(): number {
    try {
      const [row] = this.#writer.statement('PRAGMA data_version').all() as { data_version: number }[]
      return row?.data_version ?? this.#version
    } catch {
      // Another process repairs the file; the next look tells.
      return this.#version
    }
  }

  async backup(file: string): Promise<void> {
    const temporary = `${file}.${process.pid}.part`
    try {
      await makePrivate(temporary)
      this.#reader.db.run('VACUUM INTO ?', [temporary])
      await flush(temporary)
      await rename(temporary, file)
      await flush(dirname(file))
    } catch (error) {
      await rm(temporary, { force: true })
      throw storeFailure(error, file)
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#watchers.clear()
    await this.#last
    this.#reader.close()
    this.#writer.close()
  }
}

/** A database handle with its prepared statements. */
class Connection {
  readonly db: Database
  readonly #statements = new Map<string, Statement>()

  constructor(path: string, options: SqliteOptions, waitMs: number) {
    this.db = new Database(path, { create: true, readwrite: true })
    try {
      this.db.run(`PRAGMA busy_timeout = ${busyMs}`)
      this.db.run('PRAGMA journal_mode = WAL')
      this.db.run(`PRAGMA synchronous = ${options.sync}`)
      // After a burst or a long reader the WAL shrinks again.
      this.db.run('PRAGMA journal_size_limit = 67108864')
      this.db.run(`PRAGMA busy_timeout = ${waitMs}`)
    } catch (error) {
      this.db.close()
      throw error
    }
  }

  statement(sql: string): Statement {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    const prepared = this.db.prepare(sql)
    this.#statements.set(sql, prepared)
    return prepared
  }

  close(): void {
    for (const statement of this.#statements.values()) statement.finalize()
    this.db.close()
  }
}

const isBusy = (error: unknown): boolean =>
  error instanceof SQLiteError && (error.code ?? '').startsWith('SQLITE_BUSY')

/** An empty file that belongs to its owner alone, whatever stood there. */
export const makePrivate = async (path: string): Promise<void> => {
  await rm(path, { force: true })
  await (await open(path, 'wx', 0o600)).close()
}

/** To the disk, not only to the kernel. */
export const flush = async (path: string): Promise<void> => {
  await using handle = await open(path, 'r')
  await handle.sync()
}
