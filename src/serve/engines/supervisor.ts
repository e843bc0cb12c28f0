import type { Opening } from '../../core/backend.ts'
import type { Clock } from '../../core/clock.ts'
import { Failure, asFailure } from '../../core/failure.ts'
import type { EngineRow, EngineSettings, Log, RowStatus } from './engine.ts'
import type { Device } from './devices.ts'
import { loadFailure } from './load-failure.ts'
import { needOf } from './need.ts'
import type { EngineProcess } from './process.ts'
import { awaitedUntil, loadedOf, roomOf, takenBy, type Running } from './running.ts'
import { Queue } from './queue.ts'
import { next, type Action, type Situation } from './schedule.ts'
import { Backoff } from './backoff.ts'

export interface SupervisorParts {
  readonly clock: Clock
  readonly log: Log
  /** What can be given to a row for itself; known before the first row that wants some is opened. */
  devices(): readonly Device[]
  /**
   * Starts the row's engine with these accelerators (undefined: it sees all); rejects with a `Failure`, or the
   * signal's reason when nothing is left running.
   */
  start(row: EngineRow, devices: readonly Device[] | undefined, signal: AbortSignal): Promise<EngineProcess>
}

/** An engine that ran so long was well: its crash counts as the first. */
const wellMs = 60_000
/** For who is turned away before any load was seen. */
const usualLoadMs = 5000

/** Carries out what `schedule.ts` decides: loads, unloads, hands out, starts again what has crashed. */
export class Supervisor {
  readonly #parts: SupervisorParts
  readonly #life = new AbortController()
  readonly #running = new Map<string, Running>()
  readonly #queue = new Queue()
  readonly #backoff = new Backoff()
  #settings: EngineSettings
  #rows: ReadonlyMap<string, EngineRow>
  #grants = 0
  /** When a model last came or went: until then the others may have had no chance. */
  #movedAt = 0
  #later?: ReturnType<typeof setTimeout>

  constructor(settings: EngineSettings, rows: readonly EngineRow[], parts: SupervisorParts) {
    this.#settings = settings
    this.#rows = byName(rows)
    this.#parts = parts
  }

  /**
   * Waits until the row's model is loaded and has a free slot. Rejects with the signal's reason, or `Failure`
   * model_missing, engine_failed (with `retryAfterMs`), engine_missing, engine_unsupported, queue_full, draining. None
   * names a path: that stands in the log and in the failure's cause.
   */
  async open(row: string, signal: AbortSignal): Promise<Opening> {
    this.#life.signal.throwIfAborted()
    signal.throwIfAborted()
    const priority = this.#rows.get(row)?.priority ?? 0
    if (!this.#rows.has(row)) throw unknownRow(row)
    const refusal = this.#backoff.refusal(row, this.#parts.clock.tick())
    if (refusal !== undefined) throw refusal
    const opening = this.#queue.enter(row, priority, signal, () => this.#pump())
    this.#pump()
    this.#bound()
    return opening
  }

  status(): RowStatus[] {
    return [...this.#rows.values()].map((row) => this.#statusOf(row))
  }

  /** What has changed serves its requests to the end and is then replaced; the rest goes on untouched. */
  reconfigure(settings: EngineSettings, rows: readonly EngineRow[], allChanged: boolean): void {
    this.#settings = settings
    this.#rows = byName(rows)
    this.#backoff.clear()
    for (const [name, running] of this.#running) {
      running.stale ||= allChanged || !Bun.deepEquals(running.row, this.#rows.get(name))
      if (running.state === 'loading' && running.stale) running.abort.abort()
      this.#rest(running)
    }
    for (const { row } of this.#queue.waiting)
      if (!this.#rows.has(row)) this.#queue.turnAway(row, unknownRow(row))
    this.#pump()
  }

  /** Ends all engines; who waits is turned away. */
  async stop(): Promise<void> {
    const why = new Failure('draining', 'The engines are being stopped.')
    this.#life.abort(why)
    for (const { row } of this.#queue.waiting) this.#queue.turnAway(row, why)
    const ending = [...this.#running.values()].map(async (running) => {
      clearTimeout(running.idle)
      running.abort.abort(why)
      await running.started
      running.state = 'stopping'
      await running.process?.stop()
    })
    await Promise.all(ending)
  }

  #statusOf({ row, slots }: EngineRow): RowStatus {
    const running = this.#running.get(row)
    const failure = running === undefined ? this.#backoff.refusal(row, this.#parts.clock.tick()) : undefined
    return {
      row,
      state: running?.state ?? (failure === undefined ? 'unloaded' : 'failed'),
      slots,
      inUse: running?.inUse ?? 0,
      waiting: this.#queue.waiting.filter((request) => request.row === row).length,
      ...(running?.loadMs === undefined ? {} : { loadMs: running.loadMs }),
      ...this.#loadOf(running),
      ...(failure === undefined ? {} : { failure }),
    }
  }

  #loadOf(running: Running | undefined): Pick<RowStatus, 'load'> {
    const load = running?.process?.load()
    return load === undefined ? {} : { load }
  }

  /** Of too many the one is turned away that would be served last. */
  #bound(): void {
    const { waiting } = this.#queue
    if (waiting.length <= this.#settings.maxWaiting) return
    const last = waiting.toSorted((a, b) => a.priority - b.priority || b.id - a.id)[0]
    if (last === undefined) return
    const retryAfterMs = Math.ceil(this.#running.get(last.row)?.loadMs ?? usualLoadMs)
    const message = `${waiting.length - 1} requests wait for the models of this machine already.`
    this.#queue.refuse(last.id, new Failure('queue_full', { message, retryAfterMs }))
  }

  #pump(): void {
    clearTimeout(this.#later)
    while (!this.#life.signal.aborted) {
      const situation = this.#situation()
      const action = next(situation)
      if (action !== undefined) this.#act(action)
      else return this.#lookAgain(situation)
    }
  }

  #situation(): Situation {
    const tick = this.#parts.clock.tick()
    return {
      waiting: this.#queue.waiting.filter(({ row }) => !this.#backoff.blocks(row, tick)),
      loaded: [...this.#running.values()].map((running) => loadedOf(running, tick, this.#movedAt)),
      room: roomOf(this.#settings, this.#parts.devices()),
      patience: this.#settings.patience,
      needOf: (row) => needOf(this.#rows.get(row)),
    }
  }

  /** Who is awaited no more may have to make room. */
  #lookAgain({ waiting, loaded }: Situation): void {
    if (waiting.length === 0) return
    const awaited = loaded.flatMap(({ row, awaited: isAwaited }) =>
      isAwaited ? [this.#running.get(row)] : [],
    )
    const until = Math.min(...awaited.map((running) => (running ? awaitedUntil(running, this.#movedAt) : 0)))
    if (!Number.isFinite(until)) return
    this.#later = setTimeout(() => this.#pump(), until - this.#parts.clock.tick() + 1)
    this.#later.unref()
  }

  #act(action: Action): void {
    const row = this.#rows.get(action.row)
    const running = this.#running.get(action.row)
    if (action.do === 'refuse') this.#queue.turnAway(action.row, noRoom(action.row))
    else if (action.do === 'load' && row !== undefined) this.#load(row, action.devices)
    else if (action.do === 'unload' && running !== undefined) this.#unload(running)
    else if (action.do === 'grant' && running?.process !== undefined)
      this.#grant(action, running, running.process)
    else throw new Failure('internal', `${action.do} of ${action.row} cannot be done.`)
  }

  #grant(
    granted: { readonly id: number; readonly overtakes: boolean },
    running: Running,
    { url, headers }: EngineProcess,
  ): void {
    running.inUse += 1
    running.lastGrant = ++this.#grants
    clearTimeout(running.idle)
    let isOpen = true
    const close = (): void => {
      if (!isOpen) return
      isOpen = false
      running.inUse -= 1
      running.usedAt = this.#parts.clock.tick()
      this.#rest(running)
      this.#pump()
    }
    this.#queue.grant(granted, (row) => this.#running.has(row), { url, headers, close })
  }

  #load(row: EngineRow, devices: readonly number[] | undefined): void {
    const need = needOf(row)
    const running: Running = {
      row,
      memoryBytes: takenBy(need, devices, roomOf(this.#settings, this.#parts.devices())),
      devices,
      wholeGpus: need.wholeGpus ?? false,
      abort: new AbortController(),
      state: 'loading',
      started: Promise.resolve(),
      readyAt: 0,
      inUse: 0,
      lastGrant: ++this.#grants,
      usedAt: 0,
      stale: false,
    }
    this.#running.set(row.row, running)
    running.started = this.#bringUp(running)
  }

  async #bringUp(running: Running): Promise<void> {
    const { clock, log } = this.#parts
    const { row } = running.row
    const began = clock.tick()
    try {
      const all = this.#parts.devices()
      const devices = running.devices?.flatMap((device) => all[device] ?? [])
      const process = await this.#parts.start(running.row, devices, running.abort.signal)
      const loadMs = clock.tick() - began
      Object.assign(running, {
        process,
        loadMs,
        state: 'ready',
        readyAt: (this.#movedAt = clock.tick()),
      } satisfies Partial<Running>)
      log.info({ row, pid: process.pid, loadMs: Math.round(loadMs) }, 'model loaded')
      void process.exited.then((reason) => this.#gone(running, reason))
      this.#rest(running)
    } catch (error) {
      this.#running.delete(row)
      if (!running.abort.signal.aborted) this.#failed(row, asFailure(error))
    }
    this.#pump()
  }

  #unload(running: Running): void {
    running.state = 'stopping'
    clearTimeout(running.idle)
    this.#parts.log.info({ row: running.row.row }, 'model unloaded')
    void running.process?.stop()
  }

  /** Its process is gone, as we wanted or not. */
  #gone(running: Running, reason: string): void {
    const { row } = running.row
    const wasReady = running.state === 'ready'
    // Requests that it had may still close: they must not start its idle clock.
    running.state = 'stopping'
    clearTimeout(running.idle)
    this.#running.delete(row)
    if (wasReady && !running.stale && !this.#life.signal.aborted) {
      if (this.#parts.clock.tick() - running.readyAt > wellMs) this.#backoff.forget(row)
      this.#failed(row, new Failure('engine_failed', `The engine of ${row} stopped: ${reason}.`))
      // It was there for use: loaded again now, the next request need not wait.
      this.open(row, this.#life.signal).then(
        (opening) => opening.close(),
        () => undefined,
      )
    }
    this.#pump()
  }

  #failed(row: string, failure: Failure): void {
    // What another try cannot change is told at once, and looked at afresh with the next request.
    if (failure.code !== 'engine_failed') {
      this.#parts.log.warn({ row, code: failure.code }, failure.message)
      this.#queue.turnAway(row, loadFailure(row, failure))
      return
    }
    const { waitMs, givenUp } = this.#backoff.add(row, failure, this.#parts.clock.tick(), this.#settings)
    this.#parts.log.warn({ row, waitMs, givenUp }, failure.facts.message)
    if (givenUp) this.#queue.turnAway(row, failure)
    else setTimeout(() => this.#pump(), waitMs + 1).unref()
  }

  /** Starts the clock of an engine that nobody uses. */
  #rest(running: Running): void {
    const { idleMs } = this.#settings
    clearTimeout(running.idle)
    if (idleMs === 0 || running.inUse > 0 || running.state !== 'ready' || running.row.pinned === true) return
    running.idle = setTimeout(() => this.#unload(running), idleMs)
    running.idle.unref()
  }
}

const byName = (rows: readonly EngineRow[]): ReadonlyMap<string, EngineRow> =>
  new Map(rows.map((row) => [row.row, row]))

const unknownRow = (row: string): Failure => new Failure('model_missing', `No model ${row} is run here.`)

const noRoom = (row: string): Failure =>
  new Failure('engine_failed', {
    message: `${row} does not fit here beside the pinned models.`,
    help: 'Raise `engines.maxLoaded`, `engines.memoryBytes` or `engines.gpuMemoryBytes`, or ask for fewer `gpus` in its row; `inhouse doctor` shows what this machine has.',
  })
