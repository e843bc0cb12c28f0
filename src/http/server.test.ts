import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { fakeAnswer } from '../testing/fake-answers.ts'
import { FakeModel } from '../testing/fake-model.ts'
import { startTestApp, type TestApp } from '../testing/test-app.ts'
import { listen } from './listen.ts'

let model: FakeModel
let inhouse: TestApp
const chat = { model: 'm', messages: [{ role: 'user', content: 'hi' }] }

const config = (): string => `
backends: { one: { kind: openai-compatible, url: ${model.url}/v1, place: local, ask: same } }
models: { m: { backend: one }, "openai/gpt-4.1": { backend: one }, "a%2Fb": { backend: one }, "*": { backend: one } }
`
beforeAll(async () => {
  model = await FakeModel.start()
  inhouse = await startTestApp(config())
})
afterAll(async () => {
  await inhouse[Symbol.asyncDispose]()
  await model[Symbol.asyncDispose]()
})

/** What comes back on a socket of its own until it is closed: no client says such things. */
async function raw(head: string, body = ''): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  let seen = ''
  await Bun.connect({
    hostname: inhouse.app.hostname,
    port: inhouse.app.port,
    socket: {
      open: (socket) => void socket.write(`${head.replaceAll('\n', '\r\n')}\r\n\r\n${body}`),
      data: (_, bytes) => void (seen += new TextDecoder().decode(bytes)),
      close: () => resolve(seen),
    },
  })
  return promise
}
const statusOf = (answer: string): number => Number(answer.split(' ', 2)[1])
const withKey = (): Record<string, string> => ({ authorization: `Bearer ${inhouse.key}` })
const get = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(inhouse.app.url + path, { headers: withKey(), ...init })

describe('a request without a host, or with a broken one', () => {
  const hosts = ['', 'host:', 'host: a b', 'host: [', 'host: x/y?z', 'host: u:p@x']

  test('finds its path: a load balancer that speaks HTTP/1.0 can ask for the health', async () => {
    for (const host of hosts) {
      const head = ['GET /health?at=http://a/b HTTP/1.0', host].filter((line) => line !== '').join('\n')
      expect([host, statusOf(await raw(head))]).toEqual([host, 200])
    }
  })

  test('asks a model like any other, with the key in the path too, which is not logged', async () => {
    const body = JSON.stringify(chat)
    for (const host of hosts.slice(1)) {
      const head = `POST /k/${inhouse.key}/v1/chat/completions HTTP/1.1\n${host}\nconnection: close\ncontent-length: ${body.length}`
      expect([host, statusOf(await raw(head, body))]).toEqual([host, 200])
    }
    expect(inhouse.log.filter((line) => line.includes(inhouse.key))).toEqual([])
  })
})

describe('a path that is there', () => {
  test('tells which methods it takes to whoever comes with another', async () => {
    for (const [path, method, allow] of [
      ['/health', 'POST', 'GET, HEAD'],
      ['/ready', 'PUT', 'GET, HEAD'],
      ['/', 'POST', 'GET, HEAD'],
      ['/v1/models', 'POST', 'GET, HEAD'],
      ['/v1/models/m', 'DELETE', 'GET, HEAD'],
      ['/v1/chat/completions', 'GET', 'POST'],
      ['/v1/embeddings', 'OPTIONS', 'POST'],
    ] as const) {
      const answer = await get(path, { method })
      expect([path, answer.status, answer.headers.get('allow')]).toEqual([path, 405, allow])
      expect(await answer.json()).toMatchObject({ error: { code: 'method_not_allowed' } })
    }
  })

  test('answers HEAD as GET, without the body', async () => {
    for (const path of ['/', '/health', '/ready', '/v1/models']) {
      const answer = await get(path, { method: 'HEAD' })
      expect([path, answer.status, await answer.text()]).toEqual([path, 200, ''])
    }
    expect((await get('/v1/nothing', { method: 'HEAD' })).status).toBe(404)
  })
})

test('a model is found by its name with slashes and percent signs, encoded or not', async () => {
  for (const [path, id] of [
    ['openai/gpt-4.1', 'openai/gpt-4.1'],
    ['openai%2Fgpt-4.1', 'openai/gpt-4.1'],
    ['a%252Fb', 'a%2Fb'],
    // Broken escapes are a name like any other, here one that the wildcard takes.
    ['%E0%A4%A', '%E0%A4%A'],
  ] as const) {
    expect(await (await get(`/v1/models/${path}`)).json()).toMatchObject({ id })
  }
})

test('a model that a call may ask for under a wildcard is found by its name, and listed by none', async () => {
  await using only = await startTestApp(config().replace('"*":', '"gpt-*":'))
  const ask = (path: string): Promise<Response> =>
    fetch(only.app.url + path, { headers: { authorization: `Bearer ${only.key}` } })
  expect(await (await ask('/v1/models/gpt-4o')).json()).toMatchObject({ id: 'gpt-4o', owned_by: 'one' })
  expect((await ask('/v1/models/claude')).status).toBe(404)
  const { data } = (await (await ask('/v1/models')).json()) as { data: { id: string }[] }
  expect(data.map(({ id }) => id)).toEqual(['m', 'openai/gpt-4.1', 'a%2Fb'])
})

test.each([
  ['/v1/chat/completions', {}],
  ['/v1/messages', { max_tokens: 5 }],
  ['/v1/chat/completions/input_tokens', {}],
])('%s without a message is refused, in whatever way the list is empty', async (path, more) => {
  const padded = `{"model":"m","messages":[${' '.repeat(300_000)}]${'max_tokens' in more ? ',"max_tokens":5' : ''}}`
  for (const body of [{ model: 'm', messages: [], ...more }, padded]) {
    const answer = await inhouse.post(path, body)
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('must not be empty')])
  }
})

test('an address that this machine does not have is told as such, and not as a mistake of the config', () => {
  expect(() => listen('192.0.2.1:4141', () => new Response())).toThrow(
    expect.objectContaining({ code: 'listen_failed', message: expect.stringContaining('192.0.2.1:4141') }),
  )
})

test('a client without a good key is told how to show one', async () => {
  const list = await fetch(`${inhouse.app.url}/v1/models`)
  const call = await inhouse.post('/v1/chat/completions', chat, { headers: { authorization: 'Bearer no' } })
  for (const answer of [list, call])
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
})

test('a stream tells proxies in between not to keep it back', async () => {
  const answer = await inhouse.post('/v1/chat/completions', { ...chat, stream: true })
  await answer.text()
  expect(answer.headers.get('x-accel-buffering')).toBe('no')
  expect(answer.headers.get('cache-control')).toBe('no-cache, no-transform')
})

test('a page that may call reads the answer, its errors and when to come back', async () => {
  const origin = 'https://chat.example.org'
  await using open = await startTestApp(`${config()}\nserver: { cors: { origins: ["${origin}"] } }\n`)
  const ask = async (path: string, headers: Record<string, string>, method = 'POST') => {
    const body = method === 'POST' ? JSON.stringify(chat) : undefined
    return fetch(open.app.url + path, { method, headers: { origin, ...headers }, ...(body && { body }) })
  }
  const key = { authorization: `Bearer ${open.key}` }
  for (const answer of [
    await ask('/v1/chat/completions', key),
    await ask('/v1/chat/completions', {}),
    await ask('/v1/models', {}, 'GET'),
    await ask('/v1/nothing', key),
  ]) {
    expect(answer.headers.get('access-control-allow-origin')).toBe(origin)
    expect(answer.headers.get('access-control-expose-headers')).toContain('retry-after')
    expect(answer.headers.get('vary')).toContain('Origin')
  }
})

test('a server that stops sends clients away for good, not back on the same connection', async () => {
  await using upstream = await FakeModel.start((request) => ({ ...fakeAnswer(request), waitMs: 200 }))
  const stopping = await startTestApp(config().replace(model.url, upstream.url))
  const running = stopping.post('/v1/chat/completions', chat)
  await upstream.request(0)
  const stopped = stopping[Symbol.asyncDispose]()
  const refused = await stopping.post('/v1/chat/completions', chat)
  expect([refused.status, refused.headers.get('connection')]).toEqual([503, 'close'])
  expect((await fetch(`${stopping.app.url}/ready`)).status).toBe(503)
  expect((await running).status).toBe(200)
  await stopped
})

test('a handler that throws is answered with a 500 that quotes nothing, and nothing is printed', () => {
  // Bun prints past the console: only another process shows it.
  const script = `import { listen } from '${import.meta.dir}/listen.ts'
    const broken = listen('127.0.0.1:0', () => { throw new Error('the words of a prompt') })
    const answer = await fetch(broken.url)
    console.log(answer.status, JSON.stringify(await answer.text()))
    await broken.stop()`
  const { stdout, stderr } = Bun.spawnSync([process.execPath, '-e', script])
  expect([String(stdout), String(stderr)]).toEqual(['500 ""\n', ''])
})
