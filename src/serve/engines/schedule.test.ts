import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'

import { afterGrant, next, type Action, type Loaded, type Room, type Waiting } from './schedule.ts'

const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 1000)

/** A world that carries out every action at once, or (loading, unloading, serving) in later steps. */
class World {
  readonly room: Room
  readonly pinned: ReadonlySet<string>
  waiting: readonly Waiting[] = []
  loaded: Loaded[] = []
  readonly served: number[] = []
  loads: string[] = []
  mostOvertaken = 0
  readonly #slots: number
  #lastId = 0
  #grants = 0

  constructor(room: Partial<Room>, options: { pinned?: string[]; slots?: number } = {}) {
    this.room = { maxLoaded: 1, memoryBytes: Infinity, patience: 4, ...room }
    this.pinned = new Set(options.pinned)
    this.#slots = options.slots ?? 1
  }

  arrive(row: string): number {
    this.waiting = [...this.waiting, { id: ++this.#lastId, row, overtaken: 0 }]
    return this.#lastId
  }

  /** All that can be done now. */
  settle(): void {
    for (;;) {
      const { waiting, loaded, room } = this
      const action = next({ waiting, loaded, room, memoryOf: () => 1 })
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
      this.waiting = afterGrant(this.waiting, action)
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
    const model = { state: 'ready', inUse: 0, slots: 1, memoryBytes: 1, stale: false, lastGrant: 1 } as const
    const action = next({
      waiting: [{ id: 1, row: 'B', overtaken: 0 }],
      loaded: [{ ...model, row: 'A', pinned: true }],
      room: { maxLoaded: 1, memoryBytes: Infinity, patience: 4 },
      memoryOf: () => 1,
    })
    expect(action).toEqual({ do: 'refuse', row: 'B' })
  })

  test('a memory budget makes room of as many models as it takes, idle ones first', () => {
    const model = { state: 'ready', slots: 1, memoryBytes: 4, stale: false, pinned: false } as const
    const loaded: Loaded[] = [
      { ...model, row: 'old', inUse: 1, lastGrant: 1 },
      { ...model, row: 'idle', inUse: 0, lastGrant: 2 },
    ]
    const waiting = [{ id: 1, row: 'big', overtaken: 0 }]
    const room = { maxLoaded: 9, memoryBytes: 10, patience: 4 }
    expect(next({ waiting, loaded, room, memoryOf: () => 6 })).toEqual({ do: 'unload', row: 'idle' })
    expect(next({ waiting, loaded, room, memoryOf: () => 2 })).toEqual({ do: 'load', row: 'big' })
    expect(next({ waiting, loaded, room, memoryOf: () => 11 })).toEqual({ do: 'refuse', row: 'big' })
  })

  test('a changed row is not given out again and goes when it is free', () => {
    const model = {
      row: 'A',
      state: 'ready',
      slots: 2,
      memoryBytes: 1,
      pinned: true,
      stale: true,
      lastGrant: 1,
    } as const
    const room = { maxLoaded: 4, memoryBytes: Infinity, patience: 4 }
    const waiting = [{ id: 1, row: 'A', overtaken: 0 }]
    const at = (inUse: number) => next({ waiting, loaded: [{ ...model, inUse }], room, memoryOf: () => 1 })
    expect(at(1)).toBeUndefined()
    expect(at(0)).toEqual({ do: 'unload', row: 'A' })
    expect(next({ waiting, loaded: [], room, memoryOf: () => 1 })).toEqual({ do: 'load', row: 'A' })
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
          expect(new Set(world.served).size).toBe(arrived)
        },
      ),
      { numRuns },
    )
  })
})
