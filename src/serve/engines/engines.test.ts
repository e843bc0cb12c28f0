import { afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { link, readFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'

import type { Opening } from '../../core/backend.ts'
import { Failure } from '../../core/failure.ts'
import type { EngineRow, EngineSettings } from './engine.ts'
import { createEngines, type Engines } from './engines.ts'
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
import { makeAdapter } from '../../testing/model-files.ts'
import { logPath } from './process.ts'

let model = ''
beforeAll(async () => {
  await realEngine()
  model = await realModel()
}, fetchTimeoutMs)

const open: Engines[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((engines) => engines.stop()))
})

const start = (rows: readonly EngineRow[], settings: Partial<EngineSettings> = {}) => {
  const log = testLog()
  const engines = createEngines({
    home: testHome,
    settings: quickSettings(settings),
    rows,
    clock: testClock,
    log,
  })
  open.push(engines)
  return { engines, log }
}

const post = (opening: Opening, path: string, body: object, signal?: AbortSignal) =>
  fetch(opening.url + path, {
    method: 'POST',
    headers: { ...opening.headers, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    proxy: false,
    ...(signal === undefined ? {} : { signal }),
  } as RequestInit)

const hello = {
  messages: [{ role: 'user', content: 'Say hello to Zanzibar.' }],
  max_tokens: 8,
  temperature: 0,
}

const ask = async (opening: Opening): Promise<string> => {
  const answer = await post(opening, '/v1/chat/completions', hello)
  const body = (await answer.json()) as { choices?: { message: { content: string } }[] }
  return body.choices?.[0]?.message.content ?? ''
}

const pidOf = (log: { readonly lines: readonly string[] }, nth = -1): number =>
  Number(/"pid":(\d+)/.exec(log.lines.filter((line) => line.startsWith('model loaded')).at(nth) ?? '')?.[1])

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

const processesOf = (row: string): number =>
  Bun.spawnSync(['ps', '-eo', 'args=']).stdout.toString().split(`inhouse-engine ${row}`).length - 1

const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await condition())) await Bun.sleep(10)
}

const slotsBusy = async (opening: Opening): Promise<number> => {
  const answer = await fetch(`${opening.url}/slots`, {
    headers: opening.headers,
    proxy: false,
  } as RequestInit)
  const slots = (await answer.json()) as { is_processing: boolean }[]
  return slots.filter((slot) => slot.is_processing).length
}

describe('an engine of ours, with the real model', () => {
  test('loads on first use, answers chat and embeddings in one process, and wants its key', async () => {
    const { engines } = start([smallRow(model)])
    expect(engines.status().rows[0]?.state).toBe('unloaded')
    const opening = await engines.open('small', never)
    expect(await ask(opening)).not.toBe('')
    const embedded = await post(opening, '/v1/embeddings', { input: ['one', 'two'] })
    const { data } = (await embedded.json()) as { data: { embedding: number[] }[] }
    expect(data.map((row) => row.embedding.length)).toEqual([576, 576])
    const stranger = await post({ ...opening, headers: {} }, '/v1/chat/completions', hello)
    expect(stranger.status).toBe(401)
    opening.close()
    expect(engines.status().rows[0]).toMatchObject({ state: 'ready', inUse: 0 })
    expect(engines.status().device).toMatch(/core/)
  }, 60_000)

  test('keeps its key out of what ps shows, and prompts out of its log', async () => {
    const { engines, log } = start([smallRow(model, { row: 'quiet' })])
    const opening = await engines.open('quiet', never)
    await ask(opening)
    const shown = Bun.spawnSync(['ps', '-o', 'args=', '-p', String(pidOf(log))]).stdout.toString()
    expect(shown).toContain('inhouse-engine quiet')
    const key = opening.headers['authorization']?.slice('Bearer '.length) ?? ''
    expect(key).toHaveLength(32)
    expect(shown).not.toContain(key)
    const written = await readFile(logPath(testHome, 'quiet'), 'utf8')
    expect(written).toContain('model loaded')
    expect(written).not.toMatch(/Zanzibar/i)
    expect(written).not.toContain(key)
  }, 60_000)

  test('is measured in tokens a second by its own clock', async () => {
    const { engines } = start([smallRow(model)])
    const speed = await engines.measure('small', never)
    expect(speed.promptTokensPerSecond).toBeGreaterThan(0)
    expect(speed.outputTokensPerSecond).toBeGreaterThan(0)
    expect(engines.status().rows[0]?.measured).toEqual(speed)
  }, 60_000)

  test('stops generating when the request is aborted', async () => {
    const { engines } = start([smallRow(model)])
    const opening = await engines.open('small', never)
    const hangUp = new AbortController()
    const body = { prompt: 'Once upon a time', n_predict: 900, ignore_eos: true, stream: true }
    const answer = await post(opening, '/completion', body, hangUp.signal)
    await answer.body?.getReader().read()
    expect(await slotsBusy(opening)).toBe(1)
    hangUp.abort()
    await until(async () => (await slotsBusy(opening)) === 0)
  }, 60_000)

  test('comes back after a SIGKILL, and the next request is answered', async () => {
    const { engines, log } = start([smallRow(model)])
    const first = await engines.open('small', never)
    first.close()
    const pid = pidOf(log)
    process.kill(pid, 'SIGKILL')
    await until(() => engines.status().rows[0]?.state !== 'ready')
    const second = await engines.open('small', never)
    expect(await ask(second)).not.toBe('')
    expect(pidOf(log)).not.toBe(pid)
    expect(log.lines.join()).toContain('killed from outside')
    first.close()
    expect(engines.status().rows[0]?.inUse).toBe(1)
  }, 60_000)

  test('is unloaded when nobody has used it for a while, and loaded again on the next request', async () => {
    const { engines, log } = start([smallRow(model)], { idleMs: 100 })
    const opening = await engines.open('small', never)
    const pid = pidOf(log)
    await Bun.sleep(200)
    expect(isAlive(pid)).toBe(true)
    opening.close()
    await until(() => engines.status().rows[0]?.state === 'unloaded')
    expect(isAlive(pid)).toBe(false)
    const again = await engines.open('small', never)
    expect(await ask(again)).not.toBe('')
  }, 60_000)

  test('two models with room for one answer a mixed load, one at a time, without thrashing', async () => {
    const rows = [smallRow(model, { row: 'a' }), smallRow(model, { row: 'b', context: 512 })]
    const { engines, log } = start(rows, { maxLoaded: 1 })
    const answer = async (row: string) => {
      const opening = await engines.open(row, never)
      const states = engines.status().rows.map((one) => one.state)
      expect(states.filter((state) => state !== 'unloaded')).toHaveLength(1)
      const text = await ask(opening)
      opening.close()
      return text
    }
    const answers = await Promise.all(['a', 'b', 'a', 'a', 'b', 'a', 'b', 'a'].map(answer))
    expect(answers.every((text) => text !== '')).toBe(true)
    expect(log.lines.filter((line) => line.startsWith('model loaded'))).toHaveLength(2)
  }, 60_000)

  test('a caller who leaves while the model loads is let go, and the others are served', async () => {
    const { engines } = start([smallRow(model)])
    const leaving = new AbortController()
    const left = engines.open('small', leaving.signal)
    const stays = engines.open('small', never)
    leaving.abort(new Failure('client_left', 'gone'))
    expect(await left.catch((error: unknown) => error)).toMatchObject({ code: 'client_left' })
    expect(await ask(await stays)).not.toBe('')
    expect(engines.status().rows[0]).toMatchObject({ inUse: 1, waiting: 0 })
  }, 60_000)

  test('a changed row is replaced when its requests are done, the others stay', async () => {
    const keep = smallRow(model, { row: 'keep', context: 256 })
    const { engines, log } = start([smallRow(model), keep])
    const [old, kept] = [await engines.open('small', never), await engines.open('keep', never)]
    engines.reconfigure([smallRow(model, { context: 512 }), keep], quickSettings())
    const fresh = engines.open('small', never)
    expect(await ask(old)).not.toBe('')
    old.close()
    const opening = await fresh
    expect(opening.url).not.toBe(old.url)
    const props = await fetch(`${opening.url}/slots`, {
      headers: opening.headers,
      proxy: false,
    } as RequestInit)
    expect(((await props.json()) as { n_ctx: number }[])[0]?.n_ctx).toBe(512)
    expect(await ask(kept)).not.toBe('')
    expect(log.lines.filter((line) => line.startsWith('model loaded'))).toHaveLength(3)
  }, 60_000)

  test('a file that is no model fails three times, says why, and then rests', async () => {
    const broken = join(import.meta.dir, 'engines.test.ts')
    const { engines } = start([smallRow(broken)], { backoffMs: 10 })
    const failure = await engines.open('small', never).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'engine_failed' })
    expect(String(failure)).toContain('not a GGUF file')
    const again = await engines.open('small', never).catch((error: unknown) => error)
    expect((again as Failure).facts.retryAfterMs).toBeGreaterThan(0)
    expect(engines.status().rows[0]).toMatchObject({ state: 'failed', failure: { code: 'engine_failed' } })
  }, 60_000)

  test('a model file that is gone is told at once, and found when it is back', async () => {
    const { engines } = start([smallRow(join(testHome, 'nothing.gguf'))])
    const failure = await engines.open('small', never).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'model_missing' })
    engines.reconfigure([smallRow(model)], quickSettings())
    expect(await ask(await engines.open('small', never))).not.toBe('')
  }, 60_000)

  test('a model whose file is removed while it is loaded answers on, and is missing when it is loaded again', async () => {
    const path = join(testHome, `removed-${process.pid}.gguf`)
    await link(model, path)
    const { engines } = start([smallRow(path)], { idleMs: 1 })
    const opening = await engines.open('small', never)
    await unlink(path)
    expect(await ask(opening)).not.toBe('')
    opening.close()
    await until(() => engines.status().rows[0]?.state === 'unloaded')
    const failure = await engines.open('small', never).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'model_missing' })
  }, 60_000)

  test('an adapter is used by the calls that ask for it, and by no others', async () => {
    const path = join(testHome, `adapter-${process.pid}.gguf`)
    await Bun.write(path, makeAdapter())
    const { engines } = start([smallRow(model, { adapters: { odd: { path } } })])
    const plain = await engines.open('small', never)
    const odd = await engines.open('small:odd', never)
    expect(odd.url).toBe(plain.url)
    const said = async (name: string) => {
      const body = {
        prompt: 'Once upon a time',
        n_predict: 12,
        temperature: 0,
        ...engines.speaks(name)?.extra,
      }
      return ((await (await post(plain, '/completion', body)).json()) as { content: string }).content
    }
    const [before, changed, after] = [await said('small'), await said('small:odd'), await said('small')]
    expect(changed).not.toBe(before)
    expect(after).toBe(before)
    await unlink(path)
  }, 60_000)

  test('no engine is left after stop, also when a model was being loaded', async () => {
    const name = `other-${process.pid}`
    const rows = [smallRow(model), smallRow(model, { row: name })]
    const { engines, log } = start(rows)
    await engines.open('small', never)
    const loading = engines.open(name, never).catch((error: unknown) => error)
    await until(() => processesOf(name) > 0)
    await engines.stop()
    // The guard's watcher sees the end of its engine a moment later.
    await until(() => processesOf(name) === 0)
    expect(await loading).toMatchObject({ code: 'draining' })
    expect(isAlive(pidOf(log))).toBe(false)
    expect(engines.status().rows.map((row) => row.state)).toEqual(['unloaded', 'unloaded'])
  }, 60_000)
})
