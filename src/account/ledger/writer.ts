import type { Clock } from '../../core/clock.ts'
import { Failure } from '../../core/failure.ts'
import type { Hold, LedgerPort, Settlement } from '../../core/ledger.ts'
import type { Store, Transaction } from '../../store/store.ts'
import { dayOf } from './days.ts'
import { Dictionary } from './dictionary.ts'
import type { Instance } from './instance.ts'
import { MadeUp } from './made-up.ts'
import { Rollup } from './rollup.ts'
import { addEntry, entryValues, lostRow, seriesOf, settledRow, settleLost, tagsText } from './rows.ts'
import type { EntryRow } from './rows.ts'

/** A hold on its way; its series is known once it is written. */
interface Open {
  /** As it is written: where a key makes up too many names, under others. */
  readonly hold: Hold
  /** The client's own name of the model. */
  readonly asked: string
  series: number
}

interface Group {
  readonly opened: Open[]
  /** How many there were when the loop last came round. */
  seen: number
  readonly committed: PromiseWithResolvers<void>
}

interface Closing {
  readonly open: Open
  readonly settlement: Settlement
}

/**
 * Settlements wait this long for others: nobody waits for them, and a commit of many writes the pages of entries and
 * sums once. The holds between are a page each.
 */
const companyMs = 20
/** Holds in one transaction, when calls keep coming: the first should not wait for all of them. */
const mostHolds = 64
/** Settlements in one transaction: a backlog must not hold the event loop. */
const mostSettlements = 500
const retryMs = { first: 100, most: 1_000 }

/** Groups holds and settlements into transactions: the holds of a few turns of the event loop share a commit. */
export class Writer implements LedgerPort {
  readonly #store: Store
  readonly #clock: Clock
  readonly #instance: Instance
  readonly #dictionary = new Dictionary()
  readonly #models = new MadeUp()
  readonly #tags = new MadeUp()
  readonly #open = new Map<string, Open>()
  /** Never longer than there were open holds: while it cannot be written, no hold is taken. */
  readonly #closing: Closing[] = []
  #group: Group | undefined
  #turn: ReturnType<typeof setImmediate> | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #retryMs = retryMs.first
  #last: Promise<Failure | undefined> = Promise.resolve(undefined)
  #trouble: Failure | undefined

  constructor(store: Store, clock: Clock, instance: Instance) {
    this.#store = store
    this.#clock = clock
    this.#instance = instance
  }

  /** Why the last transaction could not be written; undefined when it was. While there is one, it is tried again. */
  get trouble(): Failure | undefined {
    return this.#trouble
  }

  hold(hold: Hold): Promise<void> {
    if (this.#open.has(hold.id)) {
      return Promise.reject(new Failure('internal', `The request id ${hold.id} is used twice.`))
    }
    const open = { hold: this.#bounded(hold), asked: hold.askedModel, series: 0 }
    this.#open.set(hold.id, open)
    const group = (this.#group ??= { opened: [], seen: 0, committed: Promise.withResolvers() })
    group.opened.push(open)
    this.#turn ??= setImmediate(() => this.#flushHolds())
    return group.committed.promise
  }

  settle(settlement: Settlement): void {
    const open = this.#open.get(settlement.id)
    if (open === undefined) return
    this.#open.delete(settlement.id)
    this.#closing.push({ open, settlement })
    if (this.#closing.length === mostSettlements) void this.flush()
    else this.#flushWithin(companyMs)
  }

  /** Writes what waits, and answers why it could not. Settlements that could not be written are tried again. */
  flush(): Promise<Failure | undefined> {
    clearImmediate(this.#turn)
    clearTimeout(this.#timer)
    this.#turn = undefined
    this.#timer = undefined
    const group = this.#group
    this.#group = undefined
    if (group !== undefined || this.#closing.length > 0 || this.#trouble !== undefined)
      this.#last = this.#commit(group, this.#closing.splice(0, mostSettlements))
    return this.#last
  }

  /** Somebody waits for them: a lone hold is committed at once, several wait while each turn brings company. */
  #flushHolds(): void {
    this.#turn = undefined
    const group = this.#group
    if (group === undefined) return
    const count = group.opened.length
    if (count > 1 && count > group.seen && count < mostHolds) {
      group.seen = count
      this.#turn = setImmediate(() => this.#flushHolds())
      return
    }
    this.#group = undefined
    this.#last = this.#commit(group, [])
  }

  /** Renews the lease, in a transaction of its own. */
  renew(): Promise<Failure | undefined> {
    this.#instance.forget()
    this.#last = this.#commit(undefined, [])
    return this.#last
  }

  /** Until nothing waits, or something cannot be written. */
  async drain(): Promise<Failure | undefined> {
    for (;;) {
      const failure = await this.flush()
      if (failure !== undefined || this.#closing.length === 0) return failure
    }
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  async #commit(group: Group | undefined, closing: readonly Closing[]): Promise<Failure | undefined> {
    try {
      await this.#store.transaction((transaction) => this.#write(transaction, group?.opened ?? [], closing))
    } catch (error) {
      return this.#refuse(asRefusal(error), group, closing)
    }
    this.#trouble = undefined
    this.#retryMs = retryMs.first
    group?.committed.resolve()
    if (closing.length > 0 && this.#closing.length > 0) this.#flushWithin(0)
    return undefined
  }

  #refuse(failure: Failure, group: Group | undefined, closing: readonly Closing[]): Failure {
    this.#dictionary.forget()
    this.#instance.forget()
    for (const { hold } of group?.opened ?? []) this.#open.delete(hold.id)
    group?.committed.reject(failure)
    this.#closing.unshift(...closing)
    this.#trouble = failure
    this.#flushWithin(this.#retryMs)
    this.#retryMs = Math.min(this.#retryMs * 2, retryMs.most)
    return failure
  }

  #flushWithin(ms: number): void {
    this.#timer ??= setTimeout(() => void this.flush(), ms)
  }

  async #write(
    transaction: Transaction,
    opened: readonly Open[],
    closing: readonly Closing[],
  ): Promise<void> {
    if (this.#instance.isLapsed) await this.#instance.renew(transaction)
    const today = dayOf(this.#clock.now())
    if (opened.length > 0) await this.#writeHolds(transaction, opened, today)
    if (closing.length > 0) await this.#writeEntries(transaction, closing, today)
  }

  async #writeHolds(transaction: Transaction, opened: readonly Open[], today: number): Promise<void> {
    const rows = []
    for (const open of opened) {
      const { hold } = open
      const texts = seriesOf(hold, hold, hold.reserved?.currency)
      const series = this.#dictionary.series(transaction, texts)
      // What is remembered is there at once: a promise for it would cost each call more than the look-up.
      open.series = typeof series === 'number' ? series : await series
      const found = this.#dictionary.decision(transaction, hold.decision, today)
      const decision = typeof found === 'number' ? found : await found
      const reserved = hold.reserved?.nano ?? null
      rows.push([hold.id, this.#instance.id, hold.at, open.series, decision, tagsText(hold.tags), reserved])
    }
    await transaction.run(addHold, rows)
  }

  async #writeEntries(transaction: Transaction, closing: readonly Closing[], today: number): Promise<void> {
    const removed = await transaction.run(
      'DELETE FROM ledger_hold WHERE id = $1',
      closing.map(({ settlement }) => [settlement.id]),
    )
    const rows: EntryRow[] = []
    const late: EntryRow[] = []
    const rollup = new Rollup()
    for (const [at, { open, settlement }] of closing.entries()) {
      const isLate = removed[at] !== 1
      // It was refused, unless it was given up as lost while this process slept.
      if (isLate && !(await isLost(transaction, settlement.id))) continue
      const atEnd = this.#seriesAtEnd(transaction, open, settlement)
      const series = typeof atEnd === 'number' ? atEnd : await atEnd
      const found = this.#dictionary.decision(transaction, settlement.decision, today)
      const decision = typeof found === 'number' ? found : await found
      const row = settledRow(open.hold, settlement, series, decision)
      rollup.add(row)
      if (isLate) {
        late.push(row)
        rollup.takeBack(lostRow({ ...row, series: open.series }))
      } else rows.push(row)
    }
    await transaction.run(addEntry, rows.map(entryValues))
    if (late.length > 0) await transaction.run(settleLost, late.map(entryValues))
    await rollup.write(transaction)
  }

  /** Mostly the one it was held with: another target may have answered. */
  #seriesAtEnd(transaction: Transaction, open: Open, end: Settlement): Promise<number> | number {
    const { hold, asked, series } = open
    const servedModel = end.servedModel === asked ? hold.askedModel : end.servedModel
    const reserved = hold.reserved?.currency
    const currency = end.cost?.currency ?? reserved
    const isSame =
      servedModel === hold.servedModel &&
      end.backend === hold.backend &&
      end.place === hold.place &&
      currency === reserved
    if (isSame) return series
    const { backend, place } = end
    return this.#dictionary.series(transaction, seriesOf(hold, { servedModel, backend, place }, currency))
  }

  /** What clients make up is written as it came up to a number a day, then under the row's name and the other tags'. */
  #bounded(hold: Hold): Hold {
    const { askedModel: asked, row = asked, key } = hold
    if (row === asked && hold.tags.length === 0) return hold
    const day = dayOf(hold.at)
    const askedModel = row === asked ? asked : this.#models.textOr(row, asked, key, day)
    const servedModel = hold.servedModel === asked ? askedModel : hold.servedModel
    const tags = hold.tags.map((tag) => this.#tags.textOr(otherTags, tag, key, day))
    return { ...hold, askedModel, servedModel, tags: [...new Set(tags)] }
  }
}

const isLost = async (transaction: Transaction, id: string): Promise<boolean> =>
  (await transaction.all(`SELECT id FROM ledger_entry WHERE id = $1 AND outcome = 'lost'`, [id])).length === 1

/** Stands for the tags beyond a key's number; no client can send it. */
const otherTags = '(other)'

const addHold = `INSERT INTO ledger_hold (id, instance, at, series, decision, tags, reserved_nano)
  VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING`

/** Told to clients: where the store lies is for the log, which has the cause. */
const asRefusal = (cause: unknown): Failure => {
  const isFull = cause instanceof Failure && cause.code === 'store_full'
  const message = isFull ? 'The disk of the ledger is full.' : 'The ledger could not be written.'
  return new Failure(isFull ? 'store_full' : 'store_failed', { message, retryAfterMs: 1000 }, { cause })
}
