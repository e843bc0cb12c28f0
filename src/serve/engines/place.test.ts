import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'

import { place, type Loaded, type Need } from './place.ts'

const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 1000)

const model = (row: string, change: Partial<Loaded>): Loaded => ({
  row,
  state: 'ready',
  inUse: 0,
  slots: 1,
  memoryBytes: 4,
  pinned: false,
  stale: false,
  awaited: false,
  lastGrant: 1,
  ...change,
})
const room = { maxLoaded: 9, memoryBytes: 10, devices: [10, 10] }
const rowsOf = (need: Need, loaded: readonly Loaded[]) => {
  const plan = place('new', need, { loaded, room })
  return plan && { devices: plan.devices, victims: plan.victims.map(({ row }) => row) }
}

describe('a model that is to be loaded', () => {
  test('goes onto the accelerator that has room, and leaves the empty one for who needs all of it', () => {
    const loaded = [model('a', { devices: [1] })]
    expect(rowsOf({ memoryBytes: 5, gpus: 1 }, loaded)).toEqual({ devices: [1], victims: [] })
    expect(rowsOf({ memoryBytes: 7, gpus: 1 }, loaded)).toEqual({ devices: [0], victims: [] })
    expect(rowsOf({ memoryBytes: 7, gpus: 1, wholeGpus: true }, loaded)).toEqual({
      devices: [0],
      victims: [],
    })
  })

  test('takes an equal part of each of several, and what stands in the way on any of them goes', () => {
    const loaded = [
      model('zero', { devices: [0], memoryBytes: 6 }),
      model('one', { devices: [1], memoryBytes: 2, lastGrant: 2 }),
    ]
    expect(rowsOf({ memoryBytes: 10, gpus: 2 }, loaded)).toEqual({ devices: [0, 1], victims: ['zero'] })
  })

  test('takes whole accelerators of different sizes, each as far as it goes, and leaves nothing on them to others', () => {
    const unequal = { ...room, devices: [24, 48] }
    const whole = { memoryBytes: 5, gpus: [0, 1], wholeGpus: true }
    expect(place('new', whole, { loaded: [], room: unequal })).toEqual({ devices: [0, 1], victims: [] })
    const both = model('both', { devices: [0, 1], memoryBytes: 72, wholeGpus: true })
    const small = place('new', { memoryBytes: 10, gpus: [1] }, { loaded: [both], room: unequal })
    expect(small?.victims).toEqual([both])
  })

  test('lets others on the accelerators alone when it needs none of its own, and they let it', () => {
    const loaded = [model('card', { devices: [0], memoryBytes: 10 }), model('machine', { lastGrant: 9 })]
    expect(rowsOf({ memoryBytes: 8 }, loaded)).toEqual({ devices: undefined, victims: ['machine'] })
    expect(rowsOf({ memoryBytes: 3 }, loaded)).toEqual({ devices: undefined, victims: [] })
  })

  test('rather waits for one in use on no accelerator than for none: an idle one goes first', () => {
    const loaded = [
      model('busy', { devices: [0], memoryBytes: 8, inUse: 1 }),
      model('idle', { devices: [1], memoryBytes: 8, lastGrant: 5 }),
    ]
    expect(rowsOf({ memoryBytes: 8, gpus: 1 }, loaded)).toEqual({ devices: [1], victims: ['idle'] })
  })

  test('is refused where it asks for more accelerators than there are, or for one that is not there', () => {
    expect(rowsOf({ memoryBytes: 1, gpus: 3 }, [])).toBeUndefined()
    expect(rowsOf({ memoryBytes: 1, gpus: [2] }, [])).toBeUndefined()
    expect(rowsOf({ memoryBytes: 11, gpus: [0] }, [])).toBeUndefined()
    expect(rowsOf({ memoryBytes: 11, gpus: [] }, [])).toBeUndefined()
  })

  test('fits when its victims are gone, none of whom could have stayed and none of whom is pinned', () => {
    const devices = fc.constantFrom(undefined, [], [0], [1], [0, 1])
    const some = fc.record({
      devices,
      memoryBytes: fc.integer({ min: 0, max: 9 }),
      inUse: fc.integer({ min: 0, max: 1 }),
      pinned: fc.boolean(),
      lastGrant: fc.integer({ min: 0, max: 99 }),
    })
    const need = fc.record({
      memoryBytes: fc.integer({ min: 0, max: 12 }),
      gpus: fc.constantFrom(undefined, 1, 2, [0], [1], [0, 1], []),
      wholeGpus: fc.boolean(),
    })
    const fits = (loaded: readonly Loaded[], of: Need, on: readonly number[] | undefined): boolean => {
      const each = on === undefined || on.length === 0 ? 0 : of.wholeGpus ? 10 : of.memoryBytes / on.length
      const all = [
        ...loaded.map((one) => ({ on: one.devices, each: one.memoryBytes / (one.devices?.length || 1) })),
        { on, each: on === undefined || on.length === 0 ? of.memoryBytes : each },
      ]
      const sum = (holds: (on: readonly number[] | undefined) => boolean) =>
        all.reduce((total, one) => total + (holds(one.on) ? one.each : 0), 0)
      const onMachine = sum((it) => it === undefined || it.length === 0)
      return onMachine <= 10 && [0, 1].every((device) => sum((it) => it?.includes(device) === true) <= 10)
    }
    fc.assert(
      fc.property(fc.array(some, { maxLength: 6 }), need, (models, of) => {
        const loaded: Loaded[] = []
        for (const [at, change] of models.entries()) {
          const next = [...loaded, model(`m${at}`, change)]
          if (fits(next, { memoryBytes: 0 }, undefined)) loaded.splice(0, loaded.length, ...next)
        }
        const plan = place('new', of, { loaded, room: { ...room, maxLoaded: 99 } })
        if (plan === undefined) return
        const kept = loaded.filter((one) => !plan.victims.includes(one))
        expect(fits(kept, of, plan.devices)).toBe(true)
        expect(plan.victims.some(({ pinned }) => pinned)).toBe(false)
        for (const victim of plan.victims) expect(fits([...kept, victim], of, plan.devices)).toBe(false)
      }),
      { numRuns },
    )
  })
})
