import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { fewestSwaps } from '../../testing/clairvoyant.ts'
import {
  fetchTimeoutMs,
  never,
  quickSettings,
  realEngine,
  realModel,
  smallRow,
  testClock,
  testHome,
  testLog,
} from '../../testing/real-engine.ts'
import type { EngineRow, EngineSettings } from './engine.ts'
import { createEngines } from './engines.ts'
import type { EngineProcess } from './process.ts'
import { Supervisor } from './supervisor.ts'

const isHeavy = process.env['INHOUSE_HEAVY'] === '1'
const names = ['a', 'b', 'c'] as const
const clients = 16

/** The same order each time, so that a failure can be looked at. */
const randomOrder = (seed: number, length: number): string[] => {
  let state = seed
  return Array.from({ length }, () => {
    state = (state * 1_664_525 + 1_013_904_223) >>> 0
    return names[Math.floor((state / 2 ** 32) * names.length)] ?? 'a'
  })
}

/** Each client takes the next request when its last one was answered. */
const serve = async (order: readonly string[], ask: (row: string) => Promise<void>): Promise<void> => {
  const left = [...order]
  const client = async (): Promise<void> => {
    for (let row = left.shift(); row !== undefined; row = left.shift()) await ask(row)
  }
  await Promise.all(Array.from({ length: clients }, client))
}

/** Memory for two of three models. */
const settings: EngineSettings = quickSettings({ maxLoaded: 3, memoryBytes: 2 })
const best = (order: readonly string[]): number =>
  fewestSwaps({ rows: order, clients, places: 2, patience: settings.patience })

const unloads = (log: ReturnType<typeof testLog>): number =>
  log.lines.filter((line) => line.startsWith('model unloaded')).length

describe('three models, memory for two, 200 requests in random order from 16 clients', () => {
  test('are all answered, with at most 1.2 times the swaps of one who knows the future', async () => {
    let [ours, fewest, answered] = [0, 0, 0]
    for (const seed of [1, 2, 3]) {
      const log = testLog()
      let running = 0
      const start = async (): Promise<EngineProcess> => {
        expect(++running).toBeLessThanOrEqual(2)
        await Bun.sleep(30)
        const { promise: exited, resolve } = Promise.withResolvers<string>()
        const stop = async (): Promise<void> => {
          running -= 1
          resolve('stopped')
        }
        return { url: 'http://127.0.0.1:1', headers: {}, pid: 1, load: () => undefined, exited, stop }
      }
      const rows = names.map((row) => smallRow('/none', { row, slots: 4, memoryBytes: 1 }))
      const supervisor = new Supervisor(settings, rows, { clock: testClock, log, devices: () => [], start })
      const order = randomOrder(seed, 200)
      await serve(order, async (row) => {
        const opening = await supervisor.open(row, never)
        await Bun.sleep(3)
        opening.close()
        answered += 1
      })
      ours += unloads(log)
      fewest += best(order)
      await supervisor.stop()
    }
    expect(answered).toBe(600)
    expect(ours).toBeLessThanOrEqual(1.2 * fewest)
  }, 60_000)

  describe.skipIf(!isHeavy)('with the real engine', () => {
    let model = ''
    beforeAll(async () => {
      await realEngine()
      model = await realModel()
    }, fetchTimeoutMs)
    const log = testLog()
    const engines = createEngines({ home: testHome, settings, rows: [], clock: testClock, log })
    afterAll(() => engines.stop())

    test('are all answered, too', async () => {
      const rows: EngineRow[] = names.map((row) =>
        smallRow(model, { row, slots: 4, context: 256, memoryBytes: 1 }),
      )
      engines.reconfigure(rows, settings)
      const order = randomOrder(4, 200)
      const answers: string[] = []
      await serve(order, async (row) => {
        const opening = await engines.open(row, never)
        const answer = await fetch(`${opening.url}/completion`, {
          method: 'POST',
          headers: { ...opening.headers, 'content-type': 'application/json' },
          body: JSON.stringify({ prompt: 'Once upon a time', n_predict: 4 }),
          proxy: false,
        } as RequestInit)
        answers.push(((await answer.json()) as { model: string }).model)
        opening.close()
      })
      expect(answers.toSorted()).toEqual(order.toSorted())
      expect(unloads(log)).toBeLessThanOrEqual(1.2 * best(order))
    }, 600_000)
  })
})
