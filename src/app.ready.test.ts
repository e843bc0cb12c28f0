import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'

import { FakeModel } from './testing/fake-model.ts'
import { startTestApp } from './testing/test-app.ts'

test('while calls cannot be written down the server is not ready and says why, and it is again by itself', async () => {
  await using model = await FakeModel.start()
  await using inhouse = await startTestApp(
    `backends: { one: { kind: openai-compatible, url: ${model.url}/v1, place: local } }
models: { m: { backend: one } }`,
  )
  const ready = async () => {
    const response = await fetch(`${inhouse.app.url}/ready`)
    return { status: response.status, body: (await response.json()) as object }
  }
  const call = async (): Promise<number> =>
    (await inhouse.post('/v1/chat/completions', { model: 'm', messages: [{ role: 'user', content: 'hi' }] }))
      .status
  expect(await ready()).toEqual({ status: 200, body: { ready: true, models: { m: 'ready' } } })

  using store = new Database(`${inhouse.home}/inhouse.db`)
  store.run('PRAGMA busy_timeout = 5000')
  const tables = ['INSERT ON ledger_hold', 'INSERT ON ledger_instance', 'UPDATE ON ledger_instance']
  for (const [at, what] of tables.entries())
    store.run(`CREATE TRIGGER broken_${at} BEFORE ${what} BEGIN SELECT RAISE(ABORT, 'broken'); END`)
  expect(await call()).toBe(503)
  expect(await ready()).toEqual({
    status: 503,
    body: { ready: false, models: { m: 'ready' }, store: 'store_failed' },
  })
  for (const at of tables.keys()) store.run(`DROP TRIGGER broken_${at}`)
  while ((await ready()).status !== 200) await Bun.sleep(10)
  expect(await call()).toBe(200)
})
