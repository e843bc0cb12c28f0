import { expect, test } from 'bun:test'
import * as fc from 'fast-check'

import { fewestSwaps, type SwapLoad } from './clairvoyant.ts'

const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 1000) / 5

/** Tries everything: any waiting request of a loaded model may be served next, any model be loaded for any other. */
const byBruteForce = ({ rows, clients, places, patience }: SwapLoad): number => {
  const models = [...new Set(rows)]
  let best = Number.POSITIVE_INFINITY
  const seen = new Map<string, number>()
  const go = (
    left: readonly number[],
    overtaken: readonly number[],
    loaded: readonly string[],
    swaps: number,
  ): void => {
    const state = `${left.join()}|${left.map((at) => overtaken[at]).join()}|${loaded.toSorted().join()}`
    if (swaps >= Math.min(best, seen.get(state) ?? Number.POSITIVE_INFINITY)) return
    seen.set(state, swaps)
    if (left.length === 0) best = swaps
    const known = left.filter((at) => at < rows.length - left.length + clients)
    for (const at of known) {
      const model = rows[at] ?? ''
      if (!loaded.includes(model)) continue
      const rest = left.filter((other) => other !== at)
      const passed = overtaken.map((count, other) =>
        rest.includes(other) && other < at && rows[other] !== model ? count + 1 : count,
      )
      if (passed.every((count) => count <= patience)) go(rest, passed, loaded, swaps)
    }
    for (const model of models.filter((one) => !loaded.includes(one))) {
      if (loaded.length < places) go(left, overtaken, [...loaded, model], swaps)
      else
        for (const victim of loaded)
          go(left, overtaken, [...loaded.filter((one) => one !== victim), model], swaps + 1)
    }
  }
  go(
    rows.map((_, at) => at),
    rows.map(() => 0),
    [],
    0,
  )
  return best
}

test('the clairvoyant swaps exactly as often as the best of all ways to serve a small load', () => {
  const load = fc.record({
    rows: fc.array(fc.constantFrom('A', 'B', 'C', 'D'), { minLength: 1, maxLength: 7 }),
    clients: fc.integer({ min: 1, max: 4 }),
    places: fc.integer({ min: 1, max: 2 }),
    patience: fc.integer({ min: 0, max: 3 }),
  })
  fc.assert(
    fc.property(load, (each) => expect(fewestSwaps(each)).toBe(byBruteForce(each))),
    { numRuns },
  )
})

test('who must wait no longer than for one other swaps for nearly each, and who may wait swaps once', () => {
  const rows = 'ABABABAB'.split('')
  expect(fewestSwaps({ rows, clients: 8, places: 1, patience: 0 })).toBe(7)
  expect(fewestSwaps({ rows, clients: 8, places: 1, patience: 8 })).toBe(1)
})
