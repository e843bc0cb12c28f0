import { expect, test } from 'bun:test'

import { FakeModel } from './testing/fake-model.ts'
import { startTestApp } from './testing/test-app.ts'

test('a client that asks for a new name with each call does not grow the sums without end, nor take names from others', async () => {
  await using model = await FakeModel.start()
  await using inhouse = await startTestApp(
    `backends: { one: { kind: openai-compatible, url: ${model.url}/v1, place: local, concurrency: 50, queue: 2000 } }
models: { m: { backend: one }, "openai/*": { backend: one }, "alias-*": { route: [m] } }`,
  )
  const ask = async (name: string): Promise<string> => {
    const messages = [{ role: 'user', content: 'hi' }]
    const answer = await inhouse.post('/v1/chat/completions', { model: name, messages })
    expect(answer.status).toBe(200)
    await answer.text()
    return answer.headers.get('x-inhouse-request-id') ?? ''
  }
  await ask('openai/gpt-4.1')
  for (let at = 0; at < 1_000; at += 50)
    await Promise.all(Array.from({ length: 50 }, () => ask(`openai/${crypto.randomUUID()}`)))
  const beyond = await ask('openai/beyond')
  await ask('alias-beyond')
  await ask('openai/gpt-4.1')
  await ask('m')

  const usage = async (by: 'model' | 'asked') => {
    const { rows } = await inhouse.app.ledger.usage({ by: [by], limit: 5_000 })
    return new Map(rows.map((row) => [row[by], row.requests]))
  }
  const served = await usage('model')
  expect([served.size, served.get('openai/gpt-4.1'), served.get('openai/*'), served.get('m')]).toEqual([
    1_002, 2, 2, 2,
  ])
  const asked = await usage('asked')
  expect([asked.size, asked.get('openai/*'), asked.get('alias-*'), asked.get('m')]).toEqual([1_003, 2, 1, 1])
  expect((await inhouse.app.ledger.find(beyond)).decision.asked).toBe('openai/beyond')
}, 30_000)
