import { expect, test } from 'bun:test'

import { Failure, type FailureCode } from '../../core/failure.ts'
import { never, quickSettings, smallRow, testClock, testLog } from '../../testing/real-engine.ts'
import { Supervisor, type SupervisorParts } from './supervisor.ts'

/** Engines without processes; `crash` ends the one that was started last. */
const fakeEngines = () => {
  const log = testLog()
  let end: (reason: string) => void = () => undefined
  const started: string[] = []
  const start: SupervisorParts['start'] = (row, devices) => {
    started.push(`${row.row} ${devices?.map(({ name }) => name).join() ?? 'all'}`)
    const { promise: exited, resolve } = Promise.withResolvers<string>()
    end = resolve
    const stop = () => Promise.resolve(resolve('stopped'))
    return Promise.resolve({
      url: 'http://127.0.0.1:1',
      headers: {},
      pid: 1,
      load: () => undefined,
      exited,
      stop,
    })
  }
  return {
    log,
    started,
    parts: { clock: testClock, log, devices: () => [], start },
    crash: (reason: string) => end(reason),
  }
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

const withPaths = [
  ['model_missing', 'The model file of small is not there: /home/someone/small.gguf.'],
  ['engine_missing', 'There is no engine: no llama-server on PATH, none in /home/someone/.inhouse.'],
  ['engine_unsupported', '/home/someone/llama-server does not run here, or is no llama-server.'],
  ['pip_missing', '/home/someone/python3 has no pip, and there is no uv.'],
] as const satisfies readonly (readonly [FailureCode, string])[]

test.each(withPaths)(
  'a client is told of %s without the path, which stands in the log',
  async (code, said) => {
    const { log, parts } = fakeEngines()
    const original = new Failure(code, said)
    const start = () => Promise.reject(original)
    const supervisor = new Supervisor(quickSettings(), [smallRow('/none')], { ...parts, start })
    const failure = await supervisor.open('small', never).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code, cause: original })
    expect((failure as Failure).facts.message).toStartWith('small cannot be loaded: ')
    expect(JSON.stringify((failure as Failure).facts)).not.toContain('/')
    expect(log.lines.join()).toContain(said)
  },
)

test('a mistake of ours while a model is loaded keeps the error that the log looks into', async () => {
  const { parts } = fakeEngines()
  const thrown = new TypeError('/home/someone')
  const start = () => Promise.reject(thrown)
  const supervisor = new Supervisor(quickSettings(), [smallRow('/none')], { ...parts, start })
  const failure = await supervisor.open('small', never).catch((error: unknown) => error)
  expect(failure).toMatchObject({ code: 'internal', cause: thrown })
  expect((failure as Failure).facts.message).not.toContain('/')
})

test('of more requests than may wait the one that would be served last is turned away, and told when to come again', async () => {
  const { parts } = fakeEngines()
  const rows = [smallRow('/none', { slots: 1 }), smallRow('/none', { row: 'first', slots: 1, priority: 1 })]
  const supervisor = new Supervisor(quickSettings({ maxLoaded: 1, maxWaiting: 2 }), rows, parts)
  const served = await supervisor.open('small', never)
  const waits = supervisor.open('small', never)
  const last = supervisor.open('small', never).catch((error: unknown) => error)
  const first = supervisor.open('first', never)
  expect(await last).toMatchObject({ code: 'queue_full', facts: { retryAfterMs: expect.any(Number) } })
  served.close()
  for (const opening of [waits, first]) void opening.then((it) => it.close())
  await Promise.all([waits, first])
  await supervisor.stop()
})

test('models with accelerators of their own stand side by side as long as they fit, each on its own', async () => {
  const { parts, started, log } = fakeEngines()
  const devices = () => ['4', '7'].map((name) => ({ vendor: 'nvidia' as const, name, memoryBytes: 10 }))
  const rows = [
    smallRow('/none', { row: 'a', gpus: 1, memoryBytes: 8 }),
    smallRow('/none', { row: 'b', gpus: 1, memoryBytes: 8 }),
    smallRow('/none', { row: 'c', gpus: [1], memoryBytes: 2 }),
    smallRow('/none', { row: 'both', engine: 'vllm', gpus: 2 }),
    smallRow('/none', { row: 'cpu', gpus: [] }),
    smallRow('/none', { row: 'three', gpus: 3 }),
  ]
  const supervisor = new Supervisor(quickSettings({ maxLoaded: 9 }), rows, { ...parts, devices })
  for (const row of ['a', 'b', 'c', 'cpu', 'both']) (await supervisor.open(row, never)).close()
  expect(started).toEqual(['a 4', 'b 7', 'c 7', 'cpu ', 'both 4,7'])
  const gone = log.lines.filter((line) => line.startsWith('model unloaded')).join()
  expect(gone).toMatch(/"a".*"b".*"c"/)
  expect(gone).not.toContain('cpu')
  const refused = await supervisor.open('three', never).catch((error: unknown) => error)
  expect(refused).toMatchObject({ code: 'engine_failed' })
  expect((refused as Failure).help).toContain('gpus')
  await supervisor.stop()
})
