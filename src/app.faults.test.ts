import { connect } from 'node:net'
import { expect, test } from 'bun:test'
import { join } from 'node:path'

import { fakeAnswer, sse } from './testing/fake-answers.ts'
import { FakeModel, type Received, type Script } from './testing/fake-model.ts'
import { startTestApp, type TestApp } from './testing/test-app.ts'

/** What may go wrong between a client and an upstream, each through the whole program. */
const chat = { model: 'm', messages: [{ role: 'user', content: 'hi' }] }
const streamed = { ...chat, stream: true }

const started = (model: FakeModel, more = '', row = 'place: local, ask: same'): Promise<TestApp> =>
  startTestApp(`backends: { one: { kind: openai-compatible, url: ${model.url}/v1, ${row} } }
models: { m: { backend: one }, bad: { backend: one }, alias: { route: [m] } }
${more}`)

const piece = (text: string): object => ({
  choices: [{ index: 0, delta: { content: text }, finish_reason: null }],
})
const finish = { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }
const failing = (): Script => ({ status: 500, chunks: ['{"error":{"message":"broken"}}'] })

test('at half-open one call tries; the others are told when to come back', async () => {
  await using model = await FakeModel.start(failing)
  await using inhouse = await started(
    model,
    'retries: { attempts: 1 }\nhealth: { failuresToOpen: 2, openMs: 50, probeMs: 60000 }',
  )
  for (let i = 0; i < 2; i++) await inhouse.post('/v1/chat/completions', chat)
  await Bun.sleep(60)
  const before = model.received.length
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => inhouse.post('/v1/chat/completions', chat)),
  )
  expect(model.received.length - before).toBe(1)
  const resting = answers.filter((answer) => answer.status === 503)
  expect(resting).toHaveLength(19)
  expect(resting.every((answer) => Number(answer.headers.get('retry-after')) >= 1)).toBe(true)
})

test('a model that fails says nothing of the others at its backend', async () => {
  await using model = await FakeModel.start((request) =>
    request.json()['model'] === 'bad' ? failing() : fakeAnswer(request),
  )
  await using inhouse = await started(
    model,
    'retries: { attempts: 1 }\nhealth: { failuresToOpen: 2, openMs: 60000 }',
  )
  for (let i = 0; i < 4; i++) await inhouse.post('/v1/chat/completions', { ...chat, model: 'bad' })
  expect((await inhouse.post('/v1/chat/completions', chat)).status).toBe(200)
})

test('who hangs up while its body is still read takes no place of a limit with it', async () => {
  await using model = await FakeModel.start()
  await using inhouse = await started(model, 'limits: { keys: { concurrency: 1 } }')
  const body = JSON.stringify({ ...chat, pad: Array.from({ length: 400_000 }, (_, at) => at) })
  const head = [
    'POST /v1/chat/completions HTTP/1.1',
    'host: localhost',
    `authorization: Bearer ${inhouse.key}`,
    'content-type: application/json',
    `content-length: ${body.length}`,
  ]
  for (const afterMs of [0, 5, 10, 20]) {
    const socket = connect(inhouse.app.port, inhouse.app.hostname)
    socket.write(`${head.join('\r\n')}\r\n\r\n`)
    await new Promise((resolve) => socket.write(body, resolve))
    await Bun.sleep(afterMs)
    socket.destroy()
    await Bun.sleep(200)
  }
  let status = 429
  for (let look = 0; look < 50 && status === 429; look++) {
    await Bun.sleep(100)
    status = (await inhouse.post('/v1/chat/completions', chat)).status
  }
  expect(status).toBe(200)
})

test('streams that are cut open the circuit as failures do', async () => {
  await using model = await FakeModel.start(() => ({ chunks: sse([piece('a'), piece('b')]) }))
  await using inhouse = await started(model, 'health: { failuresToOpen: 2, openMs: 60000 }')
  for (let i = 0; i < 2; i++) await (await inhouse.post('/v1/chat/completions', streamed)).text()
  expect((await inhouse.post('/v1/chat/completions', streamed)).status).toBe(503)
})

test('an answer that breaks before it began is one failure, not two', async () => {
  await using model = await FakeModel.start(() => ({ chunks: [': soon\n\n'], cutAfter: 0 }))
  await using inhouse = await started(
    model,
    'retries: { attempts: 1 }\nhealth: { failuresToOpen: 2, openMs: 60000 }',
  )
  const statuses: number[] = []
  for (let i = 0; i < 3; i++) statuses.push((await inhouse.post('/v1/chat/completions', streamed)).status)
  expect(statuses).toEqual([502, 502, 503])
})

test('comments are no sign of life: the deadlines are kept all the same', async () => {
  const chatter = Array.from({ length: 200 }, () => ': still here\n\n')
  await using model = await FakeModel.start(() => ({ chunks: chatter, delayMs: 20 }))
  await using inhouse = await started(
    model,
    'timeouts: { firstEventMs: 150, betweenEventsMs: 150 }\nretries: { attempts: 1 }',
  )
  expect((await inhouse.post('/v1/chat/completions', streamed)).status).toBe(504)
  model.answer = () => ({ chunks: [...sse([piece('a')]), ...chatter], delayMs: 20 })
  expect(await (await inhouse.post('/v1/chat/completions', streamed)).text()).toContain('"code":"stalled"')
})

test('a client that reads slowly is not taken for a backend that stalls', async () => {
  const long = [
    ...sse(Array.from({ length: 40 }, () => piece('x'.repeat(60_000)))),
    ...sse([finish, '[DONE]']),
  ]
  await using model = await FakeModel.start(() => ({ chunks: long }))
  await using inhouse = await started(model, 'timeouts: { betweenEventsMs: 200 }')
  const response = await inhouse.post('/v1/chat/completions', streamed)
  const reader = response.body?.getReader()
  await reader?.read()
  await Bun.sleep(600)
  let text = ''
  for (let part = await reader?.read(); part?.value !== undefined; part = await reader?.read())
    text += new TextDecoder().decode(part.value)
  expect(text).toEndWith('data: [DONE]\n\n')
})

test('a whole answer to a streamed request is streamed on, and a stream to a whole one folded', async () => {
  const whole = (request: Received): Script =>
    fakeAnswer({ ...request, json: () => ({ ...request.json(), stream: false }) })
  await using model = await FakeModel.start(whole)
  await using inhouse = await started(model)
  const text = await (await inhouse.post('/v1/chat/completions', streamed)).text()
  expect(text).toStartWith('data: {')
  expect(text).toEndWith('data: [DONE]\n\n')
  model.answer = (request) => fakeAnswer({ ...request, json: () => ({ ...request.json(), stream: true }) })
  const answer = await inhouse.post('/v1/chat/completions', chat)
  expect(await answer.json()).toMatchObject({
    choices: [{ message: { content: 'Hello there.' }, finish_reason: 'stop' }],
  })
})

test('a terminator that comes before the finish does not make a cut answer look whole', async () => {
  await using model = await FakeModel.start(() => ({ chunks: sse([piece('a'), '[DONE]']) }))
  await using inhouse = await started(model)
  const text = await (await inhouse.post('/v1/chat/completions', streamed)).text()
  expect(text).not.toContain('[DONE]')
  expect(text).toContain('"code":"upstream_cut"')
})

test('neither prompts nor what upstreams say of them get into the log, and our credentials to nobody', async () => {
  const canary = 'patient Maria Muster'
  await using model = await FakeModel.start(() => ({
    status: 400,
    chunks: [`{"error":{"message":"bad input: ${canary}"}}`],
  }))
  await using inhouse = await started(model)
  const asked = { ...chat, messages: [{ role: 'user', content: canary }] }
  expect(await (await inhouse.post('/v1/chat/completions', asked)).text()).toContain(canary)
  await inhouse.post('/v1/chat/completions', `{"model":"m","${canary}":1,"${canary}":2}`)
  model.answer = () => ({
    status: 401,
    chunks: ['{"error":{"message":"Incorrect API key provided: sk-SECRET1234"}}'],
  })
  expect(await (await inhouse.post('/v1/chat/completions', chat)).text()).not.toContain('SECRET')
  expect(inhouse.log.length).toBeGreaterThanOrEqual(3)
  expect(inhouse.log.filter((line) => line.includes(canary) || line.includes('SECRET'))).toEqual([])
})

test('a config that goes offline keeps third parties out from the next call on', async () => {
  await using model = await FakeModel.start()
  await using inhouse = await started(model, '', 'place: cloud')
  expect((await inhouse.post('/v1/chat/completions', chat)).status).toBe(200)
  const file = `${inhouse.home}/inhouse.yaml`
  await Bun.write(file, `${await Bun.file(file).text()}\noffline: true\n`)
  inhouse.app.reload()
  const before = model.received.length
  expect((await inhouse.post('/v1/chat/completions', chat)).status).toBe(403)
  expect(model.received.length).toBe(before)
})

test('a name that nobody has costs nothing, and an alias does not lead around the limits of its model', async () => {
  await using model = await FakeModel.start()
  await using inhouse = await started(
    model,
    'limits: { models: { m: { requestsPerMinute: 2 } }, keys: { requestsPerMinute: 3 } }',
  )
  for (let i = 0; i < 5; i++)
    expect((await inhouse.post('/v1/chat/completions', { ...chat, model: 'nope' })).status).toBe(404)
  const statuses: number[] = []
  for (const name of ['m', 'alias', 'm', 'alias']) {
    statuses.push((await inhouse.post('/v1/chat/completions', { ...chat, model: name })).status)
  }
  expect(statuses).toEqual([200, 200, 429, 429])
})

test('what no backend of a model can do is the request’s fault: no client comes back in vain', async () => {
  await using model = await FakeModel.start()
  await using inhouse =
    await startTestApp(`backends: { one: { kind: tgi, url: ${model.url}/v1, place: local } }
models: { m: { backend: one } }`)
  const refused = await inhouse.post('/v1/embeddings', { model: 'm', input: 'hi' })
  expect([refused.status, ((await refused.json()) as { error: object }).error]).toMatchObject([
    400,
    { code: 'unsupported' },
  ])
})

test('tokens that were only counted are consumed by nobody', async () => {
  await using model = await FakeModel.start(() => ({ chunks: ['{"input_tokens":1234}'] }))
  await using inhouse =
    await startTestApp(`backends: { one: { kind: anthropic, url: '${model.url}', place: local } }
models: { m: { backend: one } }
limits: { keys: { tokensPerMinute: 100 } }`)
  for (let i = 0; i < 3; i++) {
    const counted = await inhouse.post('/v1/messages/count_tokens', chat)
    expect(await counted.json()).toEqual({ input_tokens: 1234 })
  }
  const [entry] = await inhouse.entries(3)
  expect(entry).toMatchObject({ operation: 'count', outcome: 'done', usage: {} })
})

test('a call that nobody may and can answer has its row, with the reasons', async () => {
  await using model = await FakeModel.start(failing)
  await using inhouse = await started(
    model,
    'retries: { attempts: 1 }\nhealth: { failuresToOpen: 1, openMs: 60000 }',
  )
  await inhouse.post('/v1/chat/completions', chat)
  const refused = await inhouse.post('/v1/chat/completions', chat)
  const id = refused.headers.get('x-inhouse-request-id') ?? ''
  expect(await inhouse.app.ledger.find(id)).toMatchObject({ outcome: 'failed', failure: 'no_target' })
})

test('a stream that breaks after it began is counted, and a call that never went out is not', async () => {
  await using model = await FakeModel.start(() => ({ chunks: sse([piece('word '), piece('word ')]) }))
  await using inhouse = await started(model, '', 'place: local, ask: same, concurrency: 1, queue: 1')
  await (await inhouse.post('/v1/chat/completions', streamed)).text()
  const [broken] = await inhouse.entries(1)
  expect(broken).toMatchObject({ outcome: 'failed', usage: { output: { source: 'estimated' } } })

  model.answer = () => ({ instead: 'silence' })
  const holder = new AbortController()
  const holding = inhouse.post('/v1/chat/completions', chat, { signal: holder.signal }).catch(() => undefined)
  await model.request(1)
  const waiter = new AbortController()
  const waiting = inhouse.post('/v1/chat/completions', chat, { signal: waiter.signal }).catch(() => undefined)
  await Bun.sleep(30)
  waiter.abort()
  const [, left] = await inhouse.entries(2)
  expect(left).toMatchObject({ outcome: 'left', usage: {} })
  expect(left?.usage.input).toBeUndefined()
  holder.abort()
  await Promise.all([holding, waiting])
})

test('a client that leaves at the terminator has had a whole answer', async () => {
  const bytes = sse([piece('a'), finish, '[DONE]'])
  // The body goes on after its terminator, so that the client is the first to leave.
  await using model = await FakeModel.start(() => ({
    chunks: [...bytes, ': and on\n\n', ': and on\n\n'],
    delayMs: 30,
  }))
  await using inhouse = await started(model)
  const client = new AbortController()
  const response = await inhouse.post('/v1/chat/completions', streamed, { signal: client.signal })
  const reader = response.body?.getReader()
  let text = ''
  while (!text.includes('[DONE]')) text += new TextDecoder().decode((await reader?.read())?.value)
  client.abort()
  expect((await inhouse.entries(1))[0]?.outcome).toBe('done')
})

test('who leaves in the line of the next target is not billed for the one that refused', async () => {
  await using broken = await FakeModel.start(failing)
  await using busy = await FakeModel.start(() => ({ instead: 'silence' }))
  await using inhouse = await startTestApp(`backends:
  one: { kind: openai-compatible, url: ${broken.url}/v1, place: local, ask: same }
  two: { kind: openai-compatible, url: ${busy.url}/v1, place: local, ask: same, concurrency: 1 }
models: { a: { backend: one }, b: { backend: two }, m: { route: [a, b] } }`)
  const leaving = [new AbortController(), new AbortController()]
  const [first, second] = leaving
  const ask = (model: string, client?: AbortController): Promise<unknown> =>
    inhouse
      .post('/v1/chat/completions', { ...chat, model }, { signal: client?.signal ?? null })
      .catch(() => undefined)
  const holding = ask('b', first)
  await busy.request(0)
  const queued = ask('m', second)
  await broken.request(0)
  await Bun.sleep(30)
  second?.abort()
  await queued
  const [row] = await inhouse.entries(1)
  expect(row).toMatchObject({ outcome: 'left', usage: {} })
  expect(row?.usage.input).toBeUndefined()
  expect(row?.queueMs).toBeGreaterThan(0)
  first?.abort()
  await holding
})

test('a stream that is asked for whole has the limit of whole answers', async () => {
  const long = Array.from({ length: 100 }, () => piece('x'.repeat(1000)))
  await using model = await FakeModel.start(() => ({ chunks: sse([...long, finish, '[DONE]']) }))
  await using inhouse = await started(
    model,
    'server: { maxAnswerBytes: 50000 }\nretries: { attempts: 1 }',
    'place: local, ask: stream',
  )
  const answer = await inhouse.post('/v1/chat/completions', chat)
  expect(answer.status).toBe(502)
  expect(await answer.text()).toContain('upstream_too_large')
})

test('prose that names base64 is counted as prose', async () => {
  await using model = await FakeModel.start(() => ({ instead: 'silence' }))
  await using inhouse = await started(model)
  const tokensOf = async (content: string, count: number): Promise<number | undefined> => {
    const client = new AbortController()
    const asking = inhouse
      .post(
        '/v1/chat/completions',
        { ...chat, messages: [{ role: 'user', content }] },
        { signal: client.signal },
      )
      .catch(() => undefined)
    await model.request(count - 1)
    client.abort()
    await asking
    return (await inhouse.entries(count)).at(-1)?.usage.input?.tokens
  }
  expect(await tokensOf(`;base64,${'many words '.repeat(10_000)}`, 1)).toBeGreaterThan(25_000)
  expect(await tokensOf(`data:image/png;base64,${'A'.repeat(100_000)}`, 2)).toBeLessThan(2_000)
})

test('a key that another process has made works with the next call', async () => {
  await using model = await FakeModel.start()
  await using inhouse = await started(model)
  for (let at = 0; at < 3; at++) {
    const command = [process.execPath, join(import.meta.dir, 'main.ts'), 'keys', 'create']
    const made = Bun.spawnSync([...command, '--name', `k${at}`, '--home', inhouse.home, '--json'])
    const { key } = JSON.parse(made.stdout.toString()) as { key: string }
    const authorization = `Bearer ${key}`
    const answer = await inhouse.post('/v1/chat/completions', chat, { headers: { authorization } })
    expect(answer.status).toBe(200)
  }
})
