import { expect, test } from 'bun:test'

import { Call } from './call.ts'
import { Lines } from './lines.ts'

const taken = async (lines: Lines, row: string): Promise<boolean> => {
  const place = lines.of(row).take(new Call(), 5)
  return (place instanceof Promise ? await place.catch(() => undefined) : place) !== undefined
}

test('calls that wait for one row keep nobody from another, where each row runs by itself', async () => {
  const lines = new Lines('here').resize({ concurrency: 1, concurrencyOf: () => 1, queue: 4 })
  expect([await taken(lines, 'a'), await taken(lines, 'a'), await taken(lines, 'b')]).toEqual([
    true,
    false,
    true,
  ])
})

test('elsewhere all rows share the places of their backend', async () => {
  const lines = new Lines('cloud').resize({ concurrency: 1, queue: 4 })
  expect([await taken(lines, 'a'), await taken(lines, 'b')]).toEqual([true, false])
})

test('new bounds hold for lines that are there already', async () => {
  const lines = new Lines('here').resize({ concurrency: 1, concurrencyOf: () => 1, queue: 4 })
  await taken(lines, 'a')
  lines.resize({ concurrency: 2, concurrencyOf: () => 2, queue: 4 })
  expect(await taken(lines, 'a')).toBe(true)
})
