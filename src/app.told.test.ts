import { expect, test } from 'bun:test'

import { fakeAnswer } from './testing/fake-answers.ts'
import { FakeModel, type Script } from './testing/fake-model.ts'
import { freePort, startTestApp, type TestApp } from './testing/test-app.ts'

/** What clients, the log and `explain` are told of a backend that fails. */
const chat = { model: 'm', messages: [{ role: 'user', content: 'hi' }] }
const failing = (): Script => ({ status: 500, chunks: ['{"error":{"message":"broken"}}'] })

const started = (url: string, more: string): Promise<TestApp> =>
  startTestApp(`backends: { one: { kind: openai-compatible, url: ${url}/v1, place: local, ask: same } }
models: { m: { backend: one, model: its-name } }
${more}`)

const lines = ({ log }: TestApp): Record<string, unknown>[] =>
  log.map((line) => JSON.parse(line) as Record<string, unknown>)

test('the log names the row, the backend and the model of each failed attempt, and when a circuit opens and closes', async () => {
  await using model = await FakeModel.start(failing)
  await using inhouse = await started(
    model.url,
    'retries: { attempts: 2, backoffMs: 0 }\nhealth: { failuresToOpen: 2, openMs: 20, probeMs: 60000 }',
  )
  expect((await inhouse.post('/v1/chat/completions', chat)).status).toBe(502)
  const asked = { row: 'm', backend: 'one', model: 'its-name', code: 'upstream_failed', upstreamStatus: 500 }
  expect(lines(inhouse)).toMatchObject([
    { ...asked, message: 'an attempt failed; another one follows' },
    {
      backend: 'one',
      model: 'its-name',
      code: 'upstream_failed',
      message: expect.stringContaining('opened'),
    },
    { ...asked, message: 'a request failed' },
  ])
  model.answer = fakeAnswer
  while ((await inhouse.post('/v1/chat/completions', chat)).status !== 200) await Bun.sleep(5)
  expect(lines(inhouse).at(-1)).toMatchObject({ backend: 'one', message: expect.stringContaining('closed') })
  expect(inhouse.log.join('')).not.toContain('broken')
})

test('a circuit that opens between two tries does not hide what went wrong', async () => {
  await using model = await FakeModel.start(failing)
  await using inhouse = await started(
    model.url,
    'retries: { attempts: 3, backoffMs: 0 }\nhealth: { failuresToOpen: 1, openMs: 60000 }',
  )
  const answer = await inhouse.post('/v1/chat/completions', chat)
  expect([answer.status, await answer.text()]).toEqual([502, expect.stringContaining('upstream_failed')])
  const [entry] = await inhouse.entries(1)
  expect(entry?.failure).toBe('upstream_failed')
  expect(entry?.decision.attempts.map(({ failure }) => failure)).toEqual(['upstream_failed', 'circuit_open'])
})

test('a client is told the name of a backend that cannot be reached, the log and the ledger its address', async () => {
  const address = `http://127.0.0.1:${freePort()}`
  await using inhouse = await started(address, 'retries: { attempts: 1 }')
  for (const stream of [false, true]) {
    const answer = await inhouse.post('/v1/chat/completions', { ...chat, stream })
    const text = `${await answer.text()} ${JSON.stringify([...answer.headers])}`
    expect([answer.status, text]).toEqual([502, expect.stringContaining('No connection to one')])
    expect(text).not.toContain(new URL(address).port)
  }
  expect(lines(inhouse)[0]).toMatchObject({ code: 'connect_failed', address })
  const [entry] = await inhouse.entries(2)
  expect(entry?.decision.attempts).toMatchObject([{ failure: 'connect_failed', address }])
})

test('an offline server refuses calls to third parties as offline, and not for what they hold', async () => {
  await using inhouse = await startTestApp(`offline: true
backends: { far: { kind: anthropic, apiKey: k } }
models: { m: { backend: far } }`)
  const answer = await inhouse.post('/v1/chat/completions', chat)
  expect([answer.status, await answer.json()]).toEqual([
    403,
    {
      error: expect.objectContaining({ code: 'offline', message: expect.not.stringContaining('sensitive') }),
    },
  ])
})

test('a limit of 0 is told as no calls at all, without word of waiting a while', async () => {
  await using model = await FakeModel.start()
  for (const unit of ['requestsPerMinute', 'tokensPerMinute', 'concurrency']) {
    await using inhouse = await started(model.url, `limits: { models: { m: { ${unit}: 0 } } }`)
    const answer = await inhouse.post('/v1/chat/completions', chat)
    const { error } = (await answer.json()) as { error: { message: string } }
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, null])
    expect(error.message).toBe('model m is allowed no calls: waiting does not help. Have the limit raised.')
  }
})

test('what the config says of models, keys and variables that are not there is in the log at the start', async () => {
  await using model = await FakeModel.start()
  await using inhouse = await started(
    model.url,
    'limits: { models: { nope: {} }, teams: { research: {} } }\ncompat: { listen: 127.0.0.1:0, key: nobody }',
  )
  expect(lines(inhouse)).toMatchObject([
    { where: 'inhouse.yaml:4:21', message: expect.stringContaining('limits.models.nope limits nothing') },
    { message: expect.stringContaining('compat.key names a key that is not there') },
    { message: expect.stringContaining('limits.teams.research limits nothing') },
  ])
})
