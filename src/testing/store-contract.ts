import { afterEach, beforeEach, describe, expect, test } from 'bun:test'

import type { Failure } from '../core/failure.ts'
import type { Part } from '../store/migrate.ts'
import type { Store } from '../store/store.ts'

/** A database that several stores can be opened on, as several processes would. */
export interface StorePlace {
  open(parts: readonly Part[]): Promise<Store>
  /** A file that a backup can be written to. */
  readonly backupFile: string
  /** Opens what a backup wrote. */
  openBackup(parts: readonly Part[]): Promise<Store>
  remove(): Promise<void>
}

const things: Part = {
  name: 'things',
  steps: [
    (sql) => [
      `CREATE TABLE thing (id TEXT PRIMARY KEY, amount ${sql.integer} NOT NULL) ${sql.table('by-key')}`,
      ...sql.refuse({ table: 'thing', action: 'UPDATE', when: 'OLD.amount < 0', message: 'frozen' }),
    ],
  ],
}
const insert = 'INSERT INTO thing (id, amount) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING'

export const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'resolved',
    (error: Failure) => error.code,
  )

/** What every database must do. */
export const storeContract = (name: string, makePlace: () => Promise<StorePlace>): void => {
  describe(`the store on ${name}`, () => {
    let place: StorePlace
    let store: Store
    beforeEach(async () => {
      place = await makePlace()
      store = await place.open([things])
    })
    afterEach(async () => {
      await store.close()
      await place.remove()
    })
    const add = (to: Store, ...rows: [string, number][]): Promise<readonly number[]> =>
      to.transaction((transaction) => transaction.run(insert, rows))
    const ids = async (of: Store): Promise<readonly string[]> =>
      (await of.all<{ id: string }>('SELECT id FROM thing ORDER BY id')).map(({ id }) => id)

    test('a statement tells for each list of values how many rows it changed', async () => {
      expect(await add(store, ['a', 1], ['a', 2], ['b', 3])).toEqual([1, 0, 1])
    })

    test('a transaction that throws leaves nothing behind, and the next one works', async () => {
      const failing = store.transaction(async (transaction) => {
        await transaction.run(insert, [['a', 1]])
        throw new Error('changed my mind')
      })
      expect(await failing.catch((error: Error) => error.message)).toBe('changed my mind')
      await add(store, ['b', 1])
      expect(await ids(store)).toEqual(['b'])
    })

    test('what is not committed is seen inside its transaction and nowhere else', async () => {
      await store.transaction(async (transaction) => {
        await transaction.run(insert, [['a', 1]])
        expect(await transaction.all('SELECT id FROM thing')).toHaveLength(1)
        expect(await ids(store)).toEqual([])
      })
      expect(await ids(store)).toEqual(['a'])
    })

    test('transactions of two processes that add to one row lose nothing', async () => {
      const other = await place.open([things])
      await add(store, ['sum', 0])
      const increment = (on: Store): Promise<unknown> =>
        on.transaction((transaction) =>
          transaction.run("UPDATE thing SET amount = amount + 1 WHERE id = 'sum'", [[]]),
        )
      await Promise.all(Array.from({ length: 40 }, (_, at) => increment(at % 2 === 0 ? store : other)))
      expect(await store.all('SELECT amount FROM thing')).toEqual([{ amount: 40 }])
      await other.close()
    })

    test('a row that two processes delete at once is deleted by one of them', async () => {
      const other = await place.open([things])
      await add(store, ['a', 1])
      const take = (from: Store): Promise<readonly unknown[]> =>
        from.transaction((transaction) => transaction.all('DELETE FROM thing RETURNING id'))
      const [one, two] = await Promise.all([take(store), take(other)])
      expect(one.length + two.length).toBe(1)
      await other.close()
    })

    test('integers keep their value up to 2^53', async () => {
      await add(store, ['a', Number.MAX_SAFE_INTEGER])
      expect(await store.all('SELECT amount FROM thing')).toEqual([{ amount: Number.MAX_SAFE_INTEGER }])
    })

    test('a row that a table refuses to change stays as it is', async () => {
      await add(store, ['frozen', -1], ['free', 1])
      const change = (id: string): Promise<unknown> =>
        store.transaction((transaction) =>
          transaction.run('UPDATE thing SET amount = 5 WHERE id = $1', [[id]]),
        )
      await change('free')
      expect(await codeOf(change('frozen'))).toBe('store_failed')
      expect(await store.all('SELECT amount FROM thing ORDER BY id')).toEqual([{ amount: 5 }, { amount: -1 }])
    })

    test('a commit of another process is told within a second', async () => {
      const other = await place.open([things])
      const told = Promise.withResolvers<void>()
      const stop = store.watch(told.resolve)
      await add(other, ['a', 1])
      await told.promise
      stop()
      await other.close()
    })

    test('a store that is opened again has its rows, and takes new steps', async () => {
      await add(store, ['a', 1])
      const [first] = things.steps
      const grown: Part = {
        name: 'things',
        steps: [...(first ? [first] : []), () => ["UPDATE thing SET amount = 7 WHERE id = 'a'"]],
      }
      const other = await place.open([grown])
      expect(await other.all('SELECT amount FROM thing')).toEqual([{ amount: 7 }])
      await other.close()
    })

    test('a store of a newer program is refused and not touched', async () => {
      const newer: Part = { name: 'things', steps: [...things.steps, () => []] }
      await (await place.open([newer])).close()
      const later: Part = { name: 'later', steps: [() => ['CREATE TABLE late (id TEXT)']] }
      expect(await codeOf(place.open([later, things]))).toBe('store_newer')
      expect(await codeOf(store.all('SELECT id FROM late'))).toBe('store_failed')
    })

    test('a step that fails leaves the store at the step before', async () => {
      const broken: Part = {
        name: 'broken',
        steps: [
          () => ['CREATE TABLE kept (id TEXT)'],
          () => ['CREATE TABLE gone (id TEXT)', 'CREATE NONSENSE'],
        ],
      }
      expect(await codeOf(place.open([things, broken]))).toBe('store_failed')
      expect(await store.all('SELECT id FROM kept')).toEqual([])
      expect(await codeOf(store.all('SELECT id FROM gone'))).toBe('store_failed')
      expect(await store.all("SELECT version FROM store_part WHERE name = 'broken'")).toEqual([
        { version: 1 },
      ])
    })

    test('programs that open a new store at the same time take each step once', async () => {
      const fresh = await makePlace()
      const opened = await Promise.all(Array.from({ length: 4 }, () => fresh.open([things])))
      expect(await opened[0]?.all('SELECT name, version FROM store_part')).toEqual([
        { name: 'things', version: 1 },
      ])
      for (const one of opened) await one.close()
      await fresh.remove()
    })

    test('a backup has every row of its moment, and replaces an older one', async () => {
      await add(store, ['a', 1])
      await store.backup(place.backupFile)
      await add(store, ['b', 1])
      await store.backup(place.backupFile)
      await add(store, ['c', 1])
      const copy = await place.openBackup([things])
      expect(await ids(copy)).toEqual(['a', 'b'])
      await copy.close()
    })
  })
}
