import { expect, test } from 'bun:test'

import { never, quickSettings, smallRow, testClock, testLog } from '../../testing/real-engine.ts'
import type { EngineProcess } from './process.ts'
import { Supervisor } from './supervisor.ts'

/** Engines without processes; `crash` ends the one that was started last. */
const fakeEngines = () => {
  const log = testLog()
  let end: (reason: string) => void = () => undefined
  const start = (): Promise<EngineProcess> => {
    const { promise: exited, resolve } = Promise.withResolvers<string>()
    end = resolve
    const stop = () => Promise.resolve(resolve('stopped'))
    return Promise.resolve({ url: 'http://127.0.0.1:1', headers: {}, pid: 1, exited, stop })
  }
  return { log, parts: { clock: testClock, log, start }, crash: (reason: string) => end(reason) }
}

test('a request that was with an engine when it crashed does not put its successor to rest', async () => {
  const { log, parts, crash } = fakeEngines()
  const settings = quickSettings({ backoffMs: 1, idleMs: 20 })
  const supervisor = new Supervisor(settings, [smallRow('/none')], parts)
  const first = await supervisor.open('small', never)
  crash('it crashed')
  await Bun.sleep(0)
  const second = await supervisor.open('small', never)
  first.close()
  await Bun.sleep(60)
  expect(log.lines.filter((line) => line.startsWith('model unloaded'))).toEqual([])
  expect(supervisor.status()[0]).toMatchObject({ state: 'ready', inUse: 1 })
  second.close()
  await supervisor.stop()
})
