import type { Clock } from '../../core/clock.ts'
import { Failure } from '../../core/failure.ts'
import type { Store, Transaction } from '../../store/store.ts'
import { keyOf, rowOf, statements } from './key-table.ts'
import type { Key, KeyRow } from './key-table.ts'
import { hashPrefixLength, hashSecret, mintKeyId, mintSecret, proofOf } from './keys.ts'

/** What a key is made with; `name` is free among the keys that are not revoked. */
export type NewKey = Pick<Key, 'name'> &
  Partial<Pick<Key, 'team' | 'tags' | 'models' | 'places' | 'admin' | 'limits' | 'expiresAt'>>

const usedEveryMs = 60_000
/** A last use that was written this recently is not written again. */
const usedCoarseMs = 600_000
const retryMs = 250

/**
 * The keys, all in memory: a look-up touches no disk. What another process changes is here within a second. The
 * look-up is by SHA-256 of the secret: what time it takes depends on the digest alone, and nobody can choose inputs
 * whose digests come closer and closer to one that they do not know. So it needs no constant-time comparison.
 */
export class KeyStore {
  readonly #store: Store
  readonly #now: () => number
  #byHash: ReadonlyMap<string, Key> = new Map()
  #version = -1
  #refreshing: Promise<void> | undefined
  #stopWatching = (): void => {}
  #timer: ReturnType<typeof setInterval> | undefined
  #retry: ReturnType<typeof setTimeout> | undefined
  /** Key id → last use, and the last use that was written by this process. */
  readonly #used = new Map<string, number>()
  readonly #written = new Map<string, number>()

  private constructor(store: Store, clock: Pick<Clock, 'now'>) {
    this.#store = store
    this.#now = () => clock.now()
  }

  /** The store must have `keyTables`. Follows changes until it is closed. */
  static async open(store: Store, clock: Pick<Clock, 'now'>): Promise<KeyStore> {
    const keys = new KeyStore(store, clock)
    await keys.#load()
    keys.#stopWatching = store.watch(() => keys.#follow())
    keys.#timer = setInterval(() => void keys.writeUsed().catch(() => {}), usedEveryMs)
    keys.#timer.unref()
    return keys
  }

  /** The key of a secret, revoked and expired ones too. */
  find(secret: string): Key | undefined {
    return this.#byHash.get(hashSecret(secret))
  }

  /** Shows to whoever has a key that it is known here, by `hashPrefixLength` of its hash: before they send it. */
  async prove(hashPrefix: string, nonce: string): Promise<string | undefined> {
    if (hashPrefix.length !== hashPrefixLength) return undefined
    const known = (): string | undefined => this.#byHash.keys().find((each) => each.startsWith(hashPrefix))
    if (known() === undefined) await this.refresh()
    const keyHash = known()
    return keyHash && proofOf(keyHash, nonce)
  }

  /** Looks for keys that another process has made, before the next look is due. Calls of one moment share it. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#load()
      .catch(() => undefined)
      .finally(() => (this.#refreshing = undefined))
    return this.#refreshing
  }

  /** Oldest first, revoked ones too. */
  list(): readonly Key[] {
    return [...this.#byHash.values()]
  }

  /** Remembers a use; written later, and only now and then. */
  touch(key: Key): void {
    this.#used.set(key.id, this.#now())
  }

  /** The secret is told once and never kept. Rejects with `Failure('usage_wrong')` when the name is taken. */
  async create(wanted: NewKey): Promise<{ readonly key: Key; readonly secret: string }> {
    return this.#change((transaction) => this.#insert(transaction, wanted))
  }

  /**
   * Makes a key only where there never was one, and hands the secret to `keep` before it is committed: whoever finds
   * the key in the store finds it kept. Answers undefined where there are keys.
   */
  async createFirst(wanted: NewKey, keep: (secret: string) => void): Promise<Key | undefined> {
    if (this.#byHash.size > 0) return undefined
    return this.#change(async (transaction) => {
      const known = await transaction.all(statements.all)
      if (known.length > 0) return undefined
      const { key, secret } = await this.#insert(transaction, wanted)
      keep(secret)
      return key
    })
  }

  /** By id or name. Rejects with `Failure('usage_wrong')` when no such key is in force. */
  async revoke(idOrName: string): Promise<Key> {
    const id = await this.#change(async (transaction) => {
      const [row] = await transaction.all<{ id: string }>(statements.named, [idOrName, idOrName])
      if (row === undefined) throw new Failure('usage_wrong', `No key in force is called ${idOrName}.`)
      await transaction.run(statements.revoke, [[this.#now(), row.id]])
      return row.id
    })
    const revoked = this.list().find((key) => key.id === id)
    if (revoked === undefined) throw new Failure('store_failed', 'The revoked key is not in the store.')
    return revoked
  }

  /** Writes the uses that are not yet in the store. */
  async writeUsed(): Promise<void> {
    const before = new Map(this.list().map((key) => [key.id, key.lastUsedAt]))
    const due = [...this.#used].filter(
      ([id, at]) => at - (this.#written.get(id) ?? before.get(id) ?? -Infinity) >= usedCoarseMs,
    )
    this.#used.clear()
    if (due.length === 0) return
    const rows = due.map(([id, at]) => [at, id])
    await this.#store.transaction((transaction) => transaction.run(statements.used, rows))
    for (const [id, at] of due) this.#written.set(id, at)
  }

  async close(): Promise<void> {
    this.#stopWatching()
    clearInterval(this.#timer)
    clearTimeout(this.#retry)
    await this.writeUsed()
  }

  async #insert(transaction: Transaction, wanted: NewKey): Promise<{ key: Key; secret: string }> {
    const taken = await transaction.all(statements.named, [wanted.name, wanted.name])
    if (taken.length > 0) throw new Failure('usage_wrong', `A key in force is already called ${wanted.name}.`)
    const secret = mintSecret()
    const key: Key = {
      id: mintKeyId(),
      name: wanted.name,
      team: wanted.team,
      tags: wanted.tags ?? [],
      models: wanted.models,
      places: wanted.places,
      admin: wanted.admin ?? false,
      limits: wanted.limits ?? {},
      createdAt: this.#now(),
      expiresAt: wanted.expiresAt,
      revokedAt: undefined,
      lastUsedAt: undefined,
    }
    await transaction.run(statements.insert, [rowOf(key, hashSecret(secret))])
    return { key, secret }
  }

  async #change<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const result = await this.#store.transaction(async (transaction) => {
      const done = await work(transaction)
      await transaction.run(statements.bump, [[]])
      return done
    })
    await this.#load()
    return result
  }

  /** Another process has committed something: the keys are read again if it was about keys, until that works. */
  #follow(): void {
    clearTimeout(this.#retry)
    this.#load().catch(() => {
      this.#retry = setTimeout(() => this.#follow(), retryMs)
      this.#retry.unref()
    })
  }

  async #load(): Promise<void> {
    const [change] = await this.#store.all<{ version: number }>(statements.version)
    const version = change?.version ?? 0
    if (version === this.#version) return
    const rows = await this.#store.all<KeyRow>(statements.all)
    this.#byHash = new Map(rows.map((row) => [row.hash, keyOf(row)]))
    this.#version = version
  }
}
