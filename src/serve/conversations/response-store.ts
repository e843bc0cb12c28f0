import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'

import type { Clock } from '../../core/clock.ts'
import { Failure } from '../../core/failure.ts'
import { JsonText } from '../../core/json.ts'
import { inTurns } from '../../core/turns.ts'
import { openStore } from '../../store/open.ts'
import type { Store } from '../../store/store.ts'
import { idOf, itemsOf, outputItems, tooLarge } from './items.ts'
import { Seal } from './seal.ts'
import { responseTables, selectPart, statements, type SealedPart } from './tables.ts'

export interface KeepSettings {
  /** Responses are kept; if not, those of before go at the next purge. */
  readonly store: boolean
  readonly keepHours: number
  /** All kept responses together, sealed. */
  readonly maxBytes: number
}

/** A response with what was asked; all is JSON text in UTF-8. */
export interface KeptResponse {
  readonly id: string
  /** The whole conversation that led to it, as a list of items. */
  readonly input: Uint8Array
  readonly resource: Uint8Array
  /** Its stream, where it can be replayed. */
  readonly events?: Uint8Array
  /** The items of its output by their ids, to find it by them. */
  readonly items: readonly string[]
}

export interface ResponseStoreParts {
  readonly home: string
  readonly clock: Pick<Clock, 'now'>
  readonly settings: () => KeepSettings
}

const purgeEveryMs = 60_000
/** Rows that go in one transaction. */
const batch = 100
/** Of the room there is, this much is left over when room is made: it is not made for each response anew. */
const spare = 0.1
const hourMs = 3_600_000

/**
 * Responses for the next turn, and for clients that come back for them. A file of their own, never the ledger; each
 * sealed, found only by the key that made it, gone when its time is over or room is needed (oldest first). Each stands
 * for itself: that an earlier one of its conversation goes leaves it whole. Calls reject as those of a `Store` do.
 */
export class ResponseStore {
  readonly seal: Seal
  readonly #store: Store
  readonly #now: () => number
  readonly #settings: () => KeepSettings
  readonly #timer: ReturnType<typeof setInterval>
  #bytes = 0
  /** Nothing that was removed stands in the log of the file; not known after a start. */
  #isWiped = false

  private constructor(store: Store, seal: Seal, { clock, settings }: ResponseStoreParts) {
    this.seal = seal
    this.#store = store
    this.#now = () => clock.now()
    this.#settings = settings
    this.#timer = setInterval(() => void this.purge().catch(() => undefined), purgeEveryMs)
    this.#timer.unref()
  }

  static async open(parts: ResponseStoreParts): Promise<ResponseStore> {
    const path = join(parts.home, 'responses.db')
    const store = await openStore(path, { migrations: [responseTables] }).catch((thrown: unknown) => {
      if (!(thrown instanceof Failure) || thrown.code !== 'store_damaged') throw thrown
      const help = `Move ${path} away: what was kept there is lost, and nothing else.`
      throw new Failure(thrown.code, { ...thrown.facts, help }, { cause: thrown })
    })
    try {
      await store.transaction((transaction) => transaction.all(statements.overwrite))
      const responses = new ResponseStore(store, new Seal(join(parts.home, 'responses.key')), parts)
      await responses.purge()
      return responses
    } catch (thrown) {
      await store.close()
      throw thrown
    }
  }

  get isOn(): boolean {
    return this.#settings().store
  }

  /** Resolves when it is on the disk. One that is larger than all may be together is refused. */
  async keep(owner: string, { id, input, resource, events, items }: KeptResponse): Promise<void> {
    const { keepHours, maxBytes } = this.#settings()
    const [sealed, asked, stream] = await Promise.all([
      this.#close(resource, owner, id, 'resource'),
      this.#close(input, owner, id, 'input'),
      events === undefined ? null : this.#close(events, owner, id, 'events'),
    ])
    const bytes = sealed.length + asked.length + (stream?.length ?? 0)
    if (bytes > maxBytes) {
      throw new Failure('too_large', `A response of ${bytes} bytes is not kept: responses.maxBytes is less.`)
    }
    const expiresAt = this.#now() + keepHours * hourMs
    await this.#store.transaction(async (transaction) => {
      await transaction.run(statements.keep, [[owner, id, expiresAt, bytes, sealed, asked, stream]])
      await transaction.run(
        statements.keepItem,
        items.map((item) => [owner, item, id]),
      )
    })
    this.#bytes += bytes
    if (this.#bytes > maxBytes) await this.#makeRoom()
  }

  resource(owner: string, id: string): Promise<Uint8Array | undefined> {
    return this.#part(owner, id, 'resource')
  }

  input(owner: string, id: string): Promise<Uint8Array | undefined> {
    return this.#part(owner, id, 'input')
  }

  events(owner: string, id: string): Promise<Uint8Array | undefined> {
    return this.#part(owner, id, 'events')
  }

  /**
   * The kept items with these ids, by id, as bytes; those of one response are read together. Rejects with
   * `Failure('too_large')` where they take more than `maxBytes`.
   */
  async items(
    owner: string,
    ids: ReadonlySet<string>,
    maxBytes: number,
  ): Promise<ReadonlyMap<string, Uint8Array>> {
    const responses = new Set<string>()
    let lookedUp = 0
    for (const id of ids) {
      if (++lookedUp % batch === 0) await nextTurn()
      const [row] = await this.#store.all<{ response: string }>(statements.findItem, [owner, id])
      if (row !== undefined) responses.add(row.response)
    }
    const found = new Map<string, Uint8Array>()
    let bytes = 0
    for (const response of responses) {
      await nextTurn()
      const resource = await this.resource(owner, response)
      if (resource === undefined) continue
      const output = outputItems(await JsonText.read(resource))
      for (const item of await inTurns(itemsOf(output))) {
        const id = await inTurns(idOf(item))
        if (id === undefined || !ids.has(id)) continue
        bytes += item.length
        if (bytes > maxBytes) throw tooLarge(maxBytes)
        // A copy: the rest of the response need not stay.
        found.set(id, item.slice())
      }
    }
    return found
  }

  /** Whether there was one. */
  async remove(owner: string, id: string): Promise<boolean> {
    const [removed] = await this.#remove([{ owner, id }])
    await this.#wipe()
    return removed === 1
  }

  /** Takes away what is over, or all where none are kept any more. */
  async purge(): Promise<void> {
    const until = this.isOn ? this.#now() : Number.MAX_SAFE_INTEGER
    for (;;) {
      const rows = await this.#store.all<Place>(statements.expired, [until, batch])
      if (rows.length === 0) break
      await this.#remove(rows)
    }
    await this.#makeRoom()
    await this.#wipe()
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#store.close()
  }

  /** Counted anew: what was replaced or removed meanwhile was counted too. */
  async #makeRoom(): Promise<void> {
    const [sum] = await this.#store.all<{ bytes: number }>(statements.total)
    this.#bytes = sum?.bytes ?? 0
    const { maxBytes } = this.#settings()
    if (this.#bytes <= maxBytes) return
    const goal = maxBytes * (1 - spare)
    while (this.#bytes > goal) {
      const rows = await this.#store.all<Place & { readonly bytes: number }>(statements.oldest, [batch])
      let freed = 0
      const gone = rows.filter(({ bytes }) => {
        if (this.#bytes - freed <= goal) return false
        freed += bytes
        return true
      })
      if (gone.length === 0) return
      await this.#remove(gone)
      this.#bytes -= freed
    }
  }

  #remove(places: readonly Place[]): Promise<readonly number[]> {
    this.#isWiped = false
    const keys = places.map(({ owner, id }) => [owner, id])
    return this.#store.transaction(async (transaction) => {
      await transaction.run(statements.removeItems, keys)
      return transaction.run(statements.remove, keys)
    })
  }

  /** The log of the file has what was removed until it is emptied; where another process reads it, at the next purge. */
  async #wipe(): Promise<void> {
    if (this.#isWiped) return
    this.#isWiped = true
    this.#isWiped = await this.#store.checkpoint()
  }

  async #part(owner: string, id: string, part: SealedPart): Promise<Uint8Array | undefined> {
    if (!this.isOn) return undefined
    const [row] = await this.#store.all<{ sealed: Uint8Array | null }>(selectPart(part), [
      owner,
      id,
      this.#now(),
    ])
    const sealed = row?.sealed ?? undefined
    return sealed === undefined ? undefined : this.seal.open(sealed, about(owner, id, part))
  }

  #close(bytes: Uint8Array, owner: string, id: string, part: SealedPart): Promise<Uint8Array> {
    return this.seal.close(bytes, about(owner, id, part))
  }
}

const about = (owner: string, id: string, part: SealedPart): string => JSON.stringify([owner, id, part])

interface Place {
  readonly owner: string
  readonly id: string
}
