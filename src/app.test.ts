import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { ledgerReader } from './account/ledger/reader.ts'
import { clock, withStore } from './cli/home-store.ts'
import { fakeAnswer, sse } from './testing/fake-answers.ts'
import { FakeModel, type Received, type Script } from './testing/fake-model.ts'
import { freePort, startTestApp, type TestApp } from './testing/test-app.ts'

const chat = { model: 'm', messages: [{ role: 'user', content: 'hi' }] }
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

let model: FakeModel
let second: FakeModel
let inhouse: TestApp
let rows = 0

const config = () => `
backends:
  one: { kind: openai-compatible, url: ${model.url}/v1, place: local, ask: same, concurrency: 2, queue: 1 }
  eager: { kind: openai-compatible, url: ${model.url}/v1, place: local, ask: stream }
  two: { kind: openai-compatible, url: ${second.url}/v1, place: local, ask: same }
  claude: { kind: anthropic, url: ${second.url}, apiKey: sk-upstream, place: cloud }
models:
  m: { backend: one }
  streamed: { backend: eager, model: upstream-name }
  pair: { route: [m, other] }
  other: { backend: two }
  opus: { backend: claude, model: claude-opus }
timeouts: { firstEventMs: 300, betweenEventsMs: 300, headersAfterMs: 60, heartbeatMs: 40, queueMs: 5000 }
retries: { attempts: 2, backoffMs: 5, maxWaitMs: 1000 }
health: { failuresToOpen: 1000 }
server: { maxBodyBytes: 100000, bodyTimeoutMs: 200, drainMs: 2000 }
`

beforeAll(async () => {
  model = await FakeModel.start()
  second = await FakeModel.start()
  inhouse = await startTestApp(config())
})

afterAll(async () => {
  await inhouse[Symbol.asyncDispose]()
  await model[Symbol.asyncDispose]()
  await second[Symbol.asyncDispose]()
})

/** Runs with these scripts, and gives the row that the ledger has of the one call made. */
async function during<T>(
  scripts: { one?: (request: Received) => Script; two?: (request: Received) => Script },
  act: () => Promise<T>,
): Promise<T> {
  model.answer = scripts.one ?? fakeAnswer
  second.answer = scripts.two ?? fakeAnswer
  return act()
}

async function nextEntry() {
  rows++
  const entries = await inhouse.entries(rows)
  return entries[rows - 1]
}

const last = (of: FakeModel): Received => of.received.at(-1) as Received

describe('a call in the upstream’s own dialect', () => {
  test('reaches it as it was sent, but for the model’s name: long numbers, key order and unknown fields survive', async () => {
    const body =
      '{ "seed":12345678901234567890, "model" : "streamed","x_unknown":{"b":1.10,"a":[ ]},"messages":[{"role":"user","content":"hi"}] ,"stream":true,"stream_options":{"include_usage":true}}'
    const response = await during({}, () => inhouse.post('/v1/chat/completions', body))
    await response.text()
    expect(text(last(model).body)).toBe(body.replace('"streamed"', '"upstream-name"'))
    await nextEntry()
  })

  test('loses the usage chunk that only we asked for, and keeps the one that the client asked for', async () => {
    const ask = (options: object) =>
      inhouse.post('/v1/chat/completions', { ...chat, stream: true, ...options })
    const without = await (await during({}, () => ask({}))).text()
    expect(last(model).json()['stream_options']).toEqual({ include_usage: true })
    expect(without).not.toContain('"usage"')
    expect((await nextEntry())?.usage.output).toEqual({ tokens: 3, source: 'reported' })
    const withUsage = await (await during({}, () => ask({ stream_options: { include_usage: true } }))).text()
    expect(withUsage).toContain('"usage":{')
    await nextEntry()
  })

  test('is told by headers who answered and why', async () => {
    const response = await during({}, () => inhouse.post('/v1/chat/completions', chat))
    expect(response.headers.get('x-inhouse-backend')).toBe('one')
    expect(response.headers.get('x-inhouse-model')).toBe('m')
    expect(response.headers.get('x-inhouse-decision')).toContain('m@one')
    const id = response.headers.get('x-inhouse-request-id') ?? ''
    await nextEntry()
    expect((await inhouse.app.ledger.find(id)).decision.attempts).toMatchObject([
      { outcome: 'answered', backend: 'one' },
    ])
  })
})

describe('a local engine', () => {
  test('is asked to stream even when the client wants a whole answer, and the answer is whole', async () => {
    const response = await during({}, () =>
      inhouse.post('/v1/chat/completions', { ...chat, model: 'streamed' }),
    )
    expect(last(model).json()['stream']).toBe(true)
    const answer = (await response.json()) as {
      choices: { message: { content: string }; finish_reason: string }[]
    }
    expect(answer.choices[0]).toMatchObject({ message: { content: 'Hello there.' }, finish_reason: 'stop' })
    expect((await nextEntry())?.outcome).toBe('done')
  })
})

describe('a call that another dialect answers', () => {
  test('is whole in the client’s dialect', async () => {
    const response = await during({}, () => inhouse.post('/v1/chat/completions', { ...chat, model: 'opus' }))
    expect(last(second).path).toBe('/v1/messages')
    expect(last(second).headers['x-api-key']).toBe('sk-upstream')
    expect(await response.json()).toMatchObject({
      object: 'chat.completion',
      choices: [{ message: { role: 'assistant', content: 'Hello there.' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 7, completion_tokens: 3 },
    })
    expect((await nextEntry())?.place).toBe('cloud')
  })

  test('is streamed in the client’s dialect', async () => {
    const response = await during({}, () =>
      inhouse.post('/v1/chat/completions', { ...chat, model: 'opus', stream: true }),
    )
    const body = await response.text()
    expect(body).toContain('"content":" there"')
    expect(body.endsWith('data: [DONE]\n\n')).toBe(true)
    await nextEntry()
  })

  test('names the fields that could not be honoured', async () => {
    const response = await during({}, () =>
      inhouse.post('/v1/chat/completions', { ...chat, model: 'opus', seed: 1, logit_bias: { '1': 2 } }),
    )
    expect(response.headers.get('x-inhouse-warning')).toMatch(/seed/)
    await response.text()
    await nextEntry()
  })
})

describe('before the first event', () => {
  const down = (): Script => ({ status: 503, chunks: ['{"error":{"message":"loading"}}'] })

  test('the next target is asked, and the decision tells of both', async () => {
    const response = await during({ one: down }, () =>
      inhouse.post('/v1/chat/completions', { ...chat, model: 'pair' }),
    )
    expect(response.status).toBe(200)
    expect(response.headers.get('x-inhouse-backend')).toBe('two')
    const entry = await nextEntry()
    expect(entry?.backend).toBe('two')
    expect(entry?.decision.attempts.map((attempt) => attempt.outcome)).toEqual(['failed', 'answered'])
  })

  test('the only target is asked again, after the wait it asked for', async () => {
    let calls = 0
    const busy = (request: Received): Script =>
      calls++ === 0 ? { status: 429, headers: { 'retry-after': '0' }, chunks: ['{}'] } : fakeAnswer(request)
    const response = await during({ one: busy }, () => inhouse.post('/v1/chat/completions', chat))
    expect([response.status, calls]).toEqual([200, 2])
    await nextEntry()
  })

  test('a wait that is too long is the client’s to wait, with its Retry-After', async () => {
    const before = model.received.length
    const response = await during(
      {
        one: () => ({
          status: 429,
          headers: { 'retry-after': '30' },
          chunks: ['{"error":{"message":"slow down"}}'],
        }),
      },
      () => inhouse.post('/v1/chat/completions', chat),
    )
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '30'])
    expect(model.received.length - before).toBe(1)
    expect((await nextEntry())?.failure).toBe('upstream_rate_limited')
  })

  test('a request that the backend refuses is not tried elsewhere, and its words come through', async () => {
    const response = await during(
      {
        one: () => ({
          status: 400,
          chunks: [
            '{"error":{"message":"bad tool","type":"invalid_request_error","param":"tools","code":null}}',
          ],
        }),
      },
      () => inhouse.post('/v1/chat/completions', { ...chat, model: 'pair' }),
    )
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({
      error: { message: 'bad tool', type: 'invalid_request_error', param: 'tools', code: null },
    })
    await nextEntry()
  })

  test('an upstream that is silent is given up, and another asked', async () => {
    const response = await during({ one: () => ({ instead: 'silence' }) }, () =>
      inhouse.post('/v1/chat/completions', { ...chat, model: 'pair' }),
    )
    expect(response.headers.get('x-inhouse-backend')).toBe('two')
    expect((await nextEntry())?.decision.attempts[0]?.failure).toBe('first_event_timeout')
  })
})

describe('after the first event', () => {
  const pieces = (count: number): string[] =>
    sse(
      Array.from({ length: count }, (_, i) => ({
        id: 'x',
        object: 'chat.completion.chunk',
        created: 1,
        model: 'z',
        choices: [{ index: 0, delta: { content: `w${i} ` }, finish_reason: null }],
      })),
    )

  test('a stream that ends without a finish is an error, not a short answer', async () => {
    const response = await during({ one: () => ({ chunks: pieces(3) }) }, () =>
      inhouse.post('/v1/chat/completions', { ...chat, stream: true, model: 'pair' }),
    )
    const body = await response.text()
    expect(body).toContain('w2 ')
    expect(body).toContain('"code":"upstream_cut"')
    expect(body).not.toContain('[DONE]')
    expect(await nextEntry()).toMatchObject({ outcome: 'failed', failure: 'upstream_cut', backend: 'one' })
  })

  test('a message that was cut in two never reaches the client in pieces', async () => {
    const [whole = ''] = pieces(1)
    const response = await during({ one: () => ({ chunks: [whole, whole.slice(0, 40)] }) }, () =>
      inhouse.post('/v1/chat/completions', { ...chat, stream: true }),
    )
    const messages = (await response.text()).split('\n\n').filter((message) => message.startsWith('data: '))
    for (const message of messages) expect(() => JSON.parse(message.slice(6)) as unknown).not.toThrow()
    await nextEntry()
  })

  test('a stream that stops moving is ended with an error, and the upstream let go', async () => {
    const response = await during({ one: () => ({ chunks: pieces(2), delayMs: 5000 }) }, () =>
      inhouse.post('/v1/chat/completions', { ...chat, stream: true }),
    )
    expect(await response.text()).toContain('"code":"stalled"')
    expect((await last(model).ended).how).toBe('left')
    await nextEntry()
  })

  test('a whole answer that is cut is an error with a status', async () => {
    const response = await during({ one: () => ({ chunks: pieces(2) }) }, () =>
      inhouse.post('/v1/chat/completions', { ...chat, model: 'streamed' }),
    )
    expect(response.status).toBe(502)
    expect(await nextEntry()).toMatchObject({ outcome: 'failed', failure: 'upstream_cut' })
  })
})

describe('a late first event', () => {
  test('lets 200 and heartbeats go out first, and the answer follows', async () => {
    const slow = (request: Received): Script => ({ ...fakeAnswer(request), waitMs: 200 })
    const response = await during({ one: slow }, () =>
      inhouse.post('/v1/chat/completions', { ...chat, stream: true }),
    )
    const body = await response.text()
    expect(response.status).toBe(200)
    expect(body.startsWith(':')).toBe(true)
    expect(body.split('\n\n').filter((message) => message.startsWith(':')).length).toBeGreaterThan(1)
    expect(body.endsWith('data: [DONE]\n\n')).toBe(true)
    await nextEntry()
  })

  test('turns a failure that comes still later into an error in the stream', async () => {
    const response = await during({ one: () => ({ waitMs: 150, status: 500, chunks: ['{}'] }) }, () =>
      inhouse.post('/v1/chat/completions', { ...chat, stream: true }),
    )
    expect(response.status).toBe(200)
    expect(await response.text()).toContain('"code":"upstream_failed"')
    expect((await nextEntry())?.outcome).toBe('failed')
  })
})

describe('a client that leaves', () => {
  const endless = (): Script => ({
    chunks: sse(
      Array.from({ length: 1000 }, () => ({
        choices: [{ index: 0, delta: { content: 'x' }, finish_reason: null }],
      })),
    ),
    delayMs: 20,
  })

  test('in the middle of a stream closes the upstream, and is written to the ledger', async () => {
    const client = new AbortController()
    const response = await during({ one: endless }, () =>
      inhouse.post('/v1/chat/completions', { ...chat, stream: true }, { signal: client.signal }),
    )
    const reader = response.body?.getReader()
    await reader?.read()
    client.abort()
    expect((await last(model).ended).how).toBe('left')
    const entry = await nextEntry()
    expect(entry).toMatchObject({ outcome: 'left' })
    expect(entry?.usage.output?.source).toBe('estimated')
  })

  test('before the first byte closes the upstream', async () => {
    const client = new AbortController()
    const before = model.received.length
    const asking = during({ one: () => ({ instead: 'silence' }) }, () =>
      inhouse.post('/v1/chat/completions', chat, { signal: client.signal }),
    ).catch(() => undefined)
    const received = await model.request(before)
    client.abort()
    expect((await received.ended).how).toBe('left')
    await asking
    expect((await nextEntry())?.outcome).toBe('left')
  })

  test('while it waits for a slot is never sent upstream', async () => {
    const held = [new AbortController(), new AbortController()]
    const before = model.received.length
    const holding = held.map((client) =>
      during({ one: () => ({ instead: 'silence' }) }, () =>
        inhouse.post('/v1/chat/completions', chat, { signal: client.signal }),
      ).catch(() => undefined),
    )
    await model.request(before + 1)
    const waiting = new AbortController()
    const queued = inhouse
      .post('/v1/chat/completions', chat, { signal: waiting.signal })
      .catch(() => undefined)
    await Bun.sleep(30)
    waiting.abort()
    expect((await nextEntry())?.outcome).toBe('left')
    for (const client of held) client.abort()
    await Promise.all([...holding, queued])
    await nextEntry()
    await nextEntry()
    expect(model.received.length).toBe(before + 2)
  })
})

describe('more calls than slots', () => {
  test('wait in a bounded queue; the rest is refused with Retry-After, and every one is accounted for', async () => {
    const slow = (request: Received): Script => ({ ...fakeAnswer(request), waitMs: 60 })
    const responses = await during({ one: slow }, () =>
      Promise.all(Array.from({ length: 10 }, () => inhouse.post('/v1/chat/completions', chat))),
    )
    const statuses = responses.map((response) => response.status).toSorted((a, b) => a - b)
    expect(statuses.slice(0, 3)).toEqual([200, 200, 200])
    expect(statuses.slice(3)).toEqual(Array.from({ length: 7 }, () => 503))
    for (const response of responses)
      if (response.status === 503) expect(response.headers.get('retry-after')).toBe('1')
    rows += 9
    await nextEntry()
    expect((await inhouse.entries(rows)).slice(-10).filter((entry) => entry.outcome === 'done')).toHaveLength(
      3,
    )
  })
})

describe('a request that cannot be taken', () => {
  const status = async (body: string | Uint8Array, headers: Record<string, string> = {}) =>
    (await inhouse.post('/v1/chat/completions', body, { headers })).status

  test('without a good key is refused, and nothing is written', async () => {
    expect(await status(JSON.stringify(chat), { authorization: '' })).toBe(401)
    expect(await status(JSON.stringify(chat), { authorization: 'Bearer ih-wrong' })).toBe(401)
  })

  test('may carry the key in each of the ways that clients know', async () => {
    for (const header of ['x-api-key', 'x-goog-api-key']) {
      expect(await status(JSON.stringify(chat), { authorization: '', [header]: inhouse.key })).toBe(200)
      await nextEntry()
    }
    const inPath = await fetch(`${inhouse.app.url}/k/${inhouse.key}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify(chat),
    })
    expect(inPath.status).toBe(200)
    await nextEntry()
  })

  test('that is too large, broken, or names a field twice is told so', async () => {
    expect(await status(JSON.stringify({ ...chat, pad: 'x'.repeat(200_000) }))).toBe(413)
    expect(await status('{"model":')).toBe(400)
    expect(await status('{"model":"m","model":"m","messages":[]}')).toBe(400)
  })

  test('may be compressed, but not into something too large', async () => {
    const zipped = Bun.gzipSync(JSON.stringify(chat))
    expect(await status(zipped, { 'content-encoding': 'gzip' })).toBe(200)
    await nextEntry()
    expect(await status(Bun.gzipSync(`"${'x'.repeat(10_000_000)}"`), { 'content-encoding': 'gzip' })).toBe(
      413,
    )
    expect(await status(JSON.stringify(chat), { 'content-encoding': 'gzip' })).toBe(415)
    expect(await status(JSON.stringify(chat), { 'content-encoding': 'lzma' })).toBe(415)
  })

  test('whose body never comes is given up', async () => {
    const { promise, resolve } = Promise.withResolvers<string>()
    let seen = ''
    const socket = await Bun.connect({
      hostname: inhouse.app.hostname,
      port: inhouse.app.port,
      socket: {
        data: (_, bytes) => {
          seen += text(bytes)
          if (seen.includes('\r\n\r\n')) resolve(seen)
        },
      },
    })
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${inhouse.key}\r\ncontent-length: 50\r\n\r\n{"model"`,
    )
    expect(await promise).toStartWith('HTTP/1.1 408')
    socket.end()
  })

  test('for a model or a path that is not there is a 404 in OpenAI’s shape', async () => {
    const response = await inhouse.post('/v1/chat/completions', { ...chat, model: 'nope' })
    expect(response.status).toBe(404)
    expect(await response.json()).toMatchObject({ error: { code: 'model_not_found', param: 'model' } })
    expect((await inhouse.post('/v1/nothing', {})).status).toBe(404)
  })
})

describe('other faces', () => {
  const get = (path: string, headers: Record<string, string> = { authorization: `Bearer ${inhouse.key}` }) =>
    fetch(inhouse.app.url + path, { headers })

  test('the list of models has the rows that can be named, and needs a key', async () => {
    const list = (await (await get('/v1/models')).json()) as { data: { id: string }[] }
    expect(list.data.map((row) => row.id)).toEqual(['m', 'streamed', 'pair', 'other', 'opus'])
    expect((await get('/v1/models/opus')).status).toBe(200)
    expect((await get('/v1/models/nope')).status).toBe(404)
    expect((await get('/v1/models', {})).status).toBe(401)
  })

  test('health, readiness and the greeting need no key', async () => {
    expect(await (await get('/health', {})).json()).toMatchObject({ status: 'ok' })
    expect((await get('/ready', {})).status).toBe(200)
    expect(await (await get('/', {})).text()).toBe('Ollama is running')
  })

  test('completions and embeddings go the same way', async () => {
    const completion = await during({}, () => inhouse.post('/v1/completions', { model: 'm', prompt: 'once' }))
    expect(await completion.json()).toMatchObject({ choices: [{ text: 'Hello there.' }] })
    await nextEntry()
    const embedding = await inhouse.post('/v1/embeddings', { model: 'm', input: ['a', 'b'] })
    expect(((await embedding.json()) as { data: unknown[] }).data).toHaveLength(2)
    await nextEntry()
  })
})

describe('a new config', () => {
  const write = (yaml: string) => Bun.write(`${inhouse.home}/inhouse.yaml`, `listen: 127.0.0.1:0\n${yaml}`)

  test('is in force for the next call, and drops no stream', async () => {
    const long = (): Script => ({
      chunks: [
        ...sse(
          Array.from({ length: 5 }, () => ({
            choices: [{ index: 0, delta: { content: 'x' }, finish_reason: null }],
          })),
        ),
        ...sse([{ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }, '[DONE]']),
      ],
      delayMs: 30,
    })
    const response = await during({ one: long }, () =>
      inhouse.post('/v1/chat/completions', { ...chat, stream: true }),
    )
    await write(config().replace('  opus:', '  fresh: { backend: two }\n  opus:'))
    inhouse.app.reload()
    const after = await inhouse.post('/v1/chat/completions', { ...chat, model: 'fresh' })
    expect(after.status).toBe(200)
    expect(await response.text()).toEndWith('data: [DONE]\n\n')
    rows++
    await nextEntry()
  })

  test('that is broken is refused, and the old one stays', async () => {
    await write('models: { m: { backend: nowhere } }\n')
    inhouse.app.reload()
    expect((await inhouse.post('/v1/chat/completions', { ...chat, model: 'fresh' })).status).toBe(200)
    await nextEntry()
  })
})

test('a port that is in use is named, and nothing is left running', async () => {
  const { port } = inhouse.app
  const yaml = `listen: 127.0.0.1:${port}\nbackends: { one: { kind: openai-compatible, url: ${model.url}/v1 } }\nmodels: { m: { backend: one } }\n`
  let thrown: unknown
  try {
    await startTestApp(yaml)
  } catch (caught) {
    thrown = caught
  }
  expect(thrown).toMatchObject({ code: 'port_in_use' })
})

test('a listener for clients that know no key takes them for the holder of the named one', async () => {
  const port = freePort()
  await using keyless = await startTestApp(
    `compat: { listen: "127.0.0.1:${port}", key: default }\nbackends: { one: { kind: openai-compatible, url: ${model.url}/v1, ask: same } }\nmodels: { m: { backend: one } }\n`,
  )
  model.answer = fakeAnswer
  const ask = (url: string) =>
    fetch(`${url}/v1/chat/completions`, { method: 'POST', body: JSON.stringify(chat) })
  expect((await ask(`http://127.0.0.1:${port}`)).status).toBe(200)
  for (const headers of [{ host: 'evil.example' }, { origin: 'https://evil.example' }]) {
    const foreign = await fetch(`http://127.0.0.1:${port}/v1/models`, {
      headers: headers as Record<string, string>,
    })
    expect(foreign.status).toBe(403)
  }
  expect((await ask(keyless.app.url)).status).toBe(401)
})

test('a server that stops lets running calls end, refuses new ones, and every call that ran has its row', async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  await using upstream = await FakeModel.start((request) => ({ ...fakeAnswer(request), until: released }))
  await using stopping = await startTestApp(
    `backends: { one: { kind: openai-compatible, url: ${upstream.url}/v1, place: local, ask: same } }\nmodels: { m: { backend: one } }\n`,
  )
  const running = [true, false].map((stream) => stopping.post('/v1/chat/completions', { ...chat, stream }))
  await upstream.request(1)
  const stopped = stopping.app.stop()
  expect((await stopping.post('/v1/chat/completions', chat)).status).toBe(503)
  release()
  for (const response of await Promise.all(running)) expect(await response.text()).toContain('there')
  await stopped
  expect(upstream.received).toHaveLength(2)
  const written = await withStore(stopping.home, (store) => ledgerReader(store, clock).recent())
  expect(written.map(({ outcome }) => outcome)).toEqual(['done', 'done'])
})
