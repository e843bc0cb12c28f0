import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'

import { afterGrant, next, type Action, type Loaded, type Room, type Waiting } from './schedule.ts'

const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 1000)

/** A world that carries out every action at once, or (loading, unloading, serving) in later steps. */
class World {
  readonly room: Room
  readonly patience: number
  readonly pinned: ReadonlySet<string>
  waiting: readonly Waiting[] = []
  loaded: Loaded[] = []
  readonly served: number[] = []
  loads: string[] = []
  mostOvertaken = 0
  readonly #slots: number
  #lastId = 0
  #grants = 0

  constructor(
    { patience = 4, ...room }: Partial<Room> & { readonly patience?: number },
    options: { pinned?: string[]; slots?: number } = {},
  ) {
    this.room = { maxLoaded: 1, memoryBytes: Infinity, devices: [], ...room }
    this.patience = patience
    this.pinned = new Set(options.pinned)
    this.#slots = options.slots ?? 1
  }

  arrive(row: string, priority = 0): number {
    this.waiting = [...this.waiting, { id: ++this.#lastId, row, priority, overtaken: 0 }]
    return this.#lastId
  }

  /** All that can be done now. */
  settle(): void {
    for (;;) {
      const { waiting, loaded, room, patience } = this
      const action = next({ waiting, loaded, room, patience, needOf: () => ({ memoryBytes: 1 }) })
      if (action === undefined) return
      this.#act(action)
    }
  }

  finishMove(): void {
    this.loaded = this.loaded.filter((model) => !this.#leaving.has(model.row))
    this.#leaving.clear()
    this.loaded = this.loaded.map((model) => Object.assign({}, model, { state: 'ready' }))
  }

  release(row: string): void {
    this.#change(row, { inUse: (this.#find(row)?.inUse ?? 1) - 1 })
  }

  readonly #leaving = new Set<string>()

  #find(row: string): Loaded | undefined {
    return this.loaded.find((model) => model.row === row)
  }

  #change(row: string, change: Partial<Loaded>): void {
    this.loaded = this.loaded.map((model) => (model.row === row ? Object.assign({}, model, change) : model))
  }

  #act(action: Action): void {
    const model = this.#find(action.row)
    if (action.do === 'grant') {
      const request = this.waiting.find((one) => one.id === action.id)
      if (model?.state !== 'ready' || model.inUse >= model.slots || request?.row !== action.row) {
        throw new Error('granted what is not free')
      }
      this.mostOvertaken = Math.max(this.mostOvertaken, request.overtaken)
      this.served.push(action.id)
      this.waiting = afterGrant(this.waiting, action, (row) => this.#find(row) !== undefined)
      this.#change(action.row, { inUse: model.inUse + 1, lastGrant: ++this.#grants })
    } else if (action.do === 'load') {
      if (model !== undefined) throw new Error('loaded twice')
      if (this.loaded.some((other) => other.state === 'moving')) throw new Error('two swaps at a time')
      if (this.loaded.length >= this.room.maxLoaded) throw new Error('more loaded than there is room')
      this.loads.push(action.row)
      this.loaded.push({
        row: action.row,
        state: 'moving',
        inUse: 0,
        slots: this.#slots,
        memoryBytes: 1,
        pinned: this.pinned.has(action.row),
        stale: false,
        awaited: false,
        lastGrant: ++this.#grants,
      })
    } else if (action.do === 'unload') {
      if (model === undefined || model.inUse > 0) throw new Error('unloaded what is in use')
      if (model.pinned) throw new Error('unloaded what is pinned')
      this.#leaving.add(action.row)
      this.#change(action.row, { state: 'moving' })
    } else throw new Error('refused')
  }

  /** Everyone is answered in turn, until nobody waits. */
  drain(): void {
    for (let steps = 0; this.waiting.length > 0; steps++) {
      if (steps > 10_000) throw new Error('somebody waits for ever')
      this.settle()
      this.finishMove()
      this.settle()
      for (const model of this.loaded) if (model.inUse > 0) this.release(model.row)
    }
  }
}

const idle: Omit<Loaded, 'row'> = {
  state: 'ready',
  inUse: 0,
  slots: 1,
  memoryBytes: 1,
  pinned: false,
  stale: false,
  awaited: false,
  lastGrant: 1,
}

const request = (row: string): Waiting => ({ id: 1, row, priority: 0, overtaken: 0 })

/** How often first come, first served would load, with room for one. */
const loadsInOrder = (rows: readonly string[]): number =>
  rows.filter((row, at) => row !== rows[at - 1]).length

describe('the schedule of swaps', () => {
  test('A B A A C loads each model once, and lets the As go together', () => {
    const world = new World({})
    for (const row of ['A', 'B', 'A', 'A', 'C']) world.arrive(row)
    world.drain()
    expect(world.loads).toEqual(['A', 'B', 'C'])
    expect(world.served).toEqual([1, 3, 4, 2, 5])
  })

  test('a steady stream for one model does not keep another one out', () => {
    const world = new World({ patience: 3 })
    world.arrive('A')
    world.settle()
    world.finishMove()
    world.settle()
    const other = world.arrive('B')
    for (let turn = 0; turn < 20 && !world.served.includes(other); turn++) {
      world.arrive('A')
      world.arrive('A')
      world.settle()
      for (const model of world.loaded) if (model.inUse > 0) world.release(model.row)
      world.settle()
      world.finishMove()
      world.settle()
    }
    expect(world.served.indexOf(other)).toBe(4)
  })

  test('a model that the pinned ones leave no room for is refused', () => {
    const action = next({
      waiting: [request('B')],
      loaded: [{ ...idle, row: 'A', pinned: true }],
      room: { maxLoaded: 1, memoryBytes: Infinity, devices: [] },
      patience: 4,
      needOf: () => ({ memoryBytes: 1 }),
    })
    expect(action).toEqual({ do: 'refuse', row: 'B' })
  })

  test('a memory budget makes room of as many models as it takes, idle ones first', () => {
    const loaded: Loaded[] = [
      { ...idle, row: 'old', memoryBytes: 4, inUse: 1, lastGrant: 1 },
      { ...idle, row: 'idle', memoryBytes: 4, lastGrant: 2 },
    ]
    const room = { maxLoaded: 9, memoryBytes: 10, devices: [] }
    const withNeed = (memoryBytes: number) =>
      next({ waiting: [request('big')], loaded, room, patience: 4, needOf: () => ({ memoryBytes }) })
    expect(withNeed(6)).toEqual({ do: 'unload', row: 'idle' })
    expect(withNeed(2)).toEqual({ do: 'load', row: 'big', devices: undefined })
    expect(withNeed(11)).toEqual({ do: 'refuse', row: 'big' })
  })

  test('a changed row is not given out again and goes when it is free', () => {
    const model = { ...idle, row: 'A', slots: 2, pinned: true, stale: true }
    const room = { maxLoaded: 4, memoryBytes: Infinity, devices: [] }
    const over = (loaded: readonly Loaded[]) =>
      next({ waiting: [request('A')], loaded, room, patience: 4, needOf: () => ({ memoryBytes: 1 }) })
    expect(over([{ ...model, inUse: 1 }])).toBeUndefined()
    expect(over([model])).toEqual({ do: 'unload', row: 'A' })
    expect(over([])).toEqual({ do: 'load', row: 'A', devices: undefined })
  })

  test('what was in use a moment ago stays while there is other work, until patience has run out', () => {
    const loaded = [
      { ...idle, row: 'A', awaited: true },
      { ...idle, row: 'B', inUse: 1 },
    ]
    const room = { maxLoaded: 2, memoryBytes: Infinity, devices: [] }
    const over = (overtaken: number, models: readonly Loaded[] = loaded) =>
      next({
        waiting: [{ ...request('C'), overtaken }],
        loaded: models,
        room,
        patience: 4,
        needOf: () => ({ memoryBytes: 1 }),
      })
    expect(over(3)).toBeUndefined()
    expect(over(4)).toEqual({ do: 'unload', row: 'A' })
    expect(
      over(3, [
        { ...idle, row: 'A' },
        { ...idle, row: 'B', inUse: 1 },
      ]),
    ).toEqual({ do: 'unload', row: 'A' })
    expect(
      over(0, [
        { ...idle, row: 'A', awaited: true },
        { ...idle, row: 'B' },
      ]),
    ).toMatchObject({ do: 'unload' })
  })

  test('of the models that wait to be loaded the one of higher priority comes first, but nobody waits for ever', () => {
    const world = new World({ patience: 3 })
    world.arrive('A')
    world.settle()
    world.finishMove()
    const low = world.arrive('B', -1)
    const high = world.arrive('C', 1)
    world.settle()
    world.release('A')
    world.drain()
    expect(world.loads).toEqual(['A', 'C', 'B'])
    expect(world.served.indexOf(high)).toBeLessThan(world.served.indexOf(low))
    const late = world.arrive('A', -1)
    for (let turn = 0; turn < 20 && !world.served.includes(late); turn++) {
      world.arrive('B', 1)
      world.settle()
      for (const model of world.loaded) if (model.inUse > 0) world.release(model.row)
      world.settle()
      world.finishMove()
      world.settle()
    }
    expect(world.served).toContain(late)
  })

  const someRow = fc.constantFrom('A', 'B', 'C', 'D')

  test('a burst on one place is served with no more loads than first come, first served needs', () => {
    fc.assert(
      fc.property(
        fc.array(someRow, { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 0, max: 8 }),
        (rows, patience) => {
          const world = new World({ patience })
          for (const row of rows) world.arrive(row)
          world.drain()
          expect(world.served.toSorted((a, b) => a - b)).toEqual(rows.map((_, at) => at + 1))
          expect(world.loads.length).toBeLessThanOrEqual(loadsInOrder(rows))
          expect(world.mostOvertaken).toBeLessThanOrEqual(patience)
        },
      ),
      { numRuns },
    )
  })

  test('whatever happens, nothing in use or pinned is unloaded, one model moves at a time, and everyone is served', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('arrive' as const), row: someRow }),
      fc.record({ do: fc.constant('release' as const), row: someRow }),
      fc.record({ do: fc.constant('move' as const), row: someRow }),
    )
    const room = fc.record({
      maxLoaded: fc.integer({ min: 2, max: 3 }),
      patience: fc.integer({ min: 0, max: 5 }),
    })
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 80 }),
        room,
        fc.integer({ min: 1, max: 3 }),
        (steps, size, slots) => {
          const world = new World(size, { pinned: ['A'], slots })
          let arrived = 0
          for (const one of steps) {
            if (one.do === 'arrive') arrived = world.arrive(one.row)
            if (one.do === 'move') world.finishMove()
            const inUse = world.loaded.find((model) => model.row === one.row)?.inUse ?? 0
            if (one.do === 'release' && inUse > 0) world.release(one.row)
            world.settle()
          }
          world.drain()
          expect(world.served).toHaveLength(arrived)
          expect(world.mostOvertaken).toBeLessThanOrEqual(size.patience)
          expect(new Set(world.served).size).toBe(arrived)
        },
      ),
      { numRuns },
    )
  })
})
