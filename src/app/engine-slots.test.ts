import { afterAll, expect, test } from 'bun:test'

import { builtInPlaces } from '../core/place.ts'
import { kindOf } from '../serve/backends/index.ts'
import { presets } from '../serve/backends/presets.ts'
import type { EngineRow } from '../serve/engines/engine.ts'
import { createEngines, type Engines } from '../serve/engines/engines.ts'
import { engineKindOf } from '../serve/engines/kinds/index.ts'
import { Call } from '../serve/gateway/call.ts'
import { Lines } from '../serve/gateway/lines.ts'
import { quickSettings, testClock, testHome, testLog } from '../testing/real-engine.ts'

const running: Engines[] = []
afterAll(() => Promise.all(running.map((engines) => engines.stop())))

/** The lines before a backend over engines that have these rows; none of them starts. */
const linesBefore = (rows: readonly EngineRow[], said: { readonly concurrency?: number } = {}) => {
  const settings = quickSettings()
  const engines = createEngines({ home: testHome, settings, rows, clock: testClock, log: testLog() })
  running.push(engines)
  const row = { kind: 'managed', ...said }
  const send = () => Promise.reject(new Error('no socket here'))
  const lines = new Lines('here').resize(
    kindOf(row).create('here', row, { place: builtInPlaces.local, send, engines }),
  )
  return { lines, know: (others: readonly EngineRow[]) => engines.reconfigure(others, settings) }
}

/** A row that says nothing but its engine, as the config would give it. */
const rowOf = (engine: string, more: Partial<EngineRow> = {}): EngineRow => {
  const { context, slots } = engineKindOf(engine).defaults
  return { row: 'm', engine, modelPath: '/m', context, slots, ...more }
}

/** So many calls, which all stay; how many of them run, and how many wait. */
const after = (lines: Lines, calls: number): { readonly busy: number; readonly waiting: number } => {
  const slots = lines.of('m')
  for (let call = 0; call < calls; call++) {
    const taken = lines.of('m').take(new Call(), 60_000)
    if (taken instanceof Promise) taken.catch(() => undefined)
  }
  return { busy: slots.busy, waiting: slots.waiting }
}

test('a row of llama-server with two slots has two calls running, and a third that waits where it is seen', () => {
  const { lines } = linesBefore([rowOf('llama-server', { slots: 2 })])
  expect(after(lines, 3)).toEqual({ busy: 2, waiting: 1 })
})

test.each(['vllm', 'sglang'])('a row of %s takes as many as its preset says', (engine) => {
  const { concurrency = 0 } = presets.find(({ id }) => id === engine) ?? {}
  const { lines } = linesBefore([rowOf(engine)])
  expect(after(lines, concurrency + 1)).toEqual({ busy: concurrency, waiting: 1 })
})

test('the number that the config says counts more', () => {
  const { lines } = linesBefore([rowOf('vllm')], { concurrency: 3 })
  expect(after(lines, 4)).toEqual({ busy: 3, waiting: 1 })
})

test('a row whose model comes after its first calls has its own places from then on', () => {
  const { lines, know } = linesBefore([])
  expect(after(lines, 17)).toEqual({ busy: 16, waiting: 1 })
  know([rowOf('llama-server', { slots: 20 })])
  expect(after(lines, 4)).toEqual({ busy: 20, waiting: 1 })
})
