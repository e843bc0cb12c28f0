import { describe, expect, test } from 'bun:test'

import { builtInPlaces } from '../../core/place.ts'
import { requestOf, targetOf } from '../../testing/asking.ts'
import { FakeModel, type Script } from '../../testing/fake-model.ts'
import { startTestApp } from '../../testing/test-app.ts'
import { ollamaFacts } from './ollama-facts.ts'
import { ollama } from './ollama.ts'

const line = (more: object): string =>
  `${JSON.stringify({ model: 'm', created_at: '2026-11-21T10:00:00Z', message: { role: 'assistant', content: 'Hi.' }, ...more })}\n`
const answer = (more: object = {}): Script => ({
  headers: { 'content-type': 'application/x-ndjson' },
  chunks: [line({ done: false, ...more }), line({ done: true, done_reason: 'stop', ...more })],
})
const here = { capabilities: ['completion'] }
const far = { ...here, remote_model: 'gpt-oss:120b', remote_host: 'https://ollama.com:443' }

/** An Ollama that shows its models so. */
const ollamaThatShows = (shown: () => object | number, said: Script = answer()) =>
  FakeModel.start(({ path }) => {
    if (path !== '/api/show') return said
    const what = shown()
    return typeof what === 'number'
      ? { status: what, chunks: ['{"error":"no"}'] }
      : { chunks: [JSON.stringify(what)] }
  })

const ask = { model: 'm', messages: [{ role: 'user', content: 'secret' }] }
const config = (url: string, more = ''): string =>
  `backends: { gpu: { kind: ollama, url: "${url}"${more} } }\nmodels: { m: { backend: gpu }, "*": { backend: gpu } }\n`
const paths = (model: FakeModel): string[] => model.received.map(({ path }) => path)

describe('a model that Ollama hands on to its cloud', () => {
  test.each([
    ['what Ollama says of it', 'm', far],
    ['its name alone', 'gpt-oss:120b-cloud', here],
    ['its name alone, in other letters', 'kimi:Cloud', here],
  ])('is refused, and sees no word of the call: by %s', async (_, model, shown) => {
    await using upstream = await ollamaThatShows(() => shown)
    await using inhouse = await startTestApp(config(upstream.url))
    const response = await inhouse.post('/v1/chat/completions', { ...ask, model })
    expect(response.status).toBe(403)
    const { error } = (await response.json()) as { error: { code: string; message: string } }
    expect(error.code).toBe('cloud_model')
    expect(error.message).toContain('place: cloud')
    expect(paths(upstream)).not.toContain('/api/chat')
  })

  test('answers where the row says that it is a third party', async () => {
    await using upstream = await ollamaThatShows(() => far)
    await using inhouse = await startTestApp(config(upstream.url, ', place: cloud'))
    const response = await inhouse.post('/v1/chat/completions', ask)
    expect(response.status).toBe(200)
    expect(response.headers.get('x-inhouse-backend')).toBe('gpu')
  })

  test('is noticed by its answer where its name hid it, and shown anew', async () => {
    let shown: object = here
    await using upstream = await ollamaThatShows(() => shown, answer(far))
    await using inhouse = await startTestApp(config(upstream.url))
    expect((await inhouse.post('/v1/chat/completions', ask)).status).toBe(403)
    shown = far
    expect((await inhouse.post('/v1/chat/completions', ask)).status).toBe(403)
    expect(paths(upstream)).toEqual(['/api/show', '/api/chat', '/api/show'])
  })
})

test('models are shown once, by however many calls at once, and never cost them their host name', async () => {
  await using upstream = await ollamaThatShows(() => here)
  await using inhouse = await startTestApp(config(upstream.url))
  const both = await Promise.all(
    [1, 2, 3].map(() =>
      inhouse.post('/v1/chat/completions', ask, { headers: { host: 'gateway.example.org' } }),
    ),
  )
  expect(both.map(({ status }) => status)).toEqual([200, 200, 200])
  expect(paths(upstream).filter((path) => path === '/api/show')).toHaveLength(1)
  const hosts = new Set(upstream.received.map(({ headers }) => headers['host']))
  expect([...hosts]).toEqual([new URL(upstream.url).host])
})

test('what a model is counts for a minute, and not after it was gone', async () => {
  await using upstream = await ollamaThatShows(() => here)
  let now = 0
  const backend = ollama.create(
    'gpu',
    { kind: 'ollama', url: upstream.url },
    { place: builtInPlaces.local, send: sendTo, clock: { now: () => now } },
  )
  const call = () => backend.outgoing(requestOf('ollama-chat', '{"model":"m"}'), targetOf('m'))
  const asked = async (): Promise<number> => {
    await call()
    return upstream.received.length
  }
  expect([await asked(), await asked()]).toEqual([1, 1])
  now = 61_000
  expect([await asked(), await asked()]).toEqual([2, 2])
  backend.failure(await call(), 404, undefined, new Uint8Array())
  expect(await asked()).toBe(3)
})

/** Our own transport is tested elsewhere. */
const sendTo: Parameters<typeof ollama.create>[2]['send'] = async (call) => {
  const reply = await fetch(call.url, { method: call.method, headers: call.headers, body: call.body ?? null })
  const bytes = await reply.bytes()
  return {
    status: reply.status,
    header: (name) => reply.headers.get(name) ?? undefined,
    body: { read: async () => undefined, all: async () => bytes, cancel: () => undefined },
  }
}

test.each([
  [404, 404, 'model_not_found'],
  [500, 502, 'upstream_failed'],
])('an Ollama that shows a model with %d is not asked anything', async (shown, status, code) => {
  await using upstream = await ollamaThatShows(() => shown)
  await using inhouse = await startTestApp(config(upstream.url))
  const response = await inhouse.post('/v1/chat/completions', ask)
  expect(response.status).toBe(status)
  expect(await response.json()).toMatchObject({ error: { code } })
  expect(paths(upstream)).not.toContain('/api/chat')
})

test('a third party that shows nothing is asked all the same', async () => {
  await using upstream = await ollamaThatShows(() => 501)
  await using inhouse = await startTestApp(config(upstream.url, ', place: cloud'))
  expect((await inhouse.post('/v1/chat/completions', ask)).status).toBe(200)
})

test('an Ollama that is gone rests like any backend', async () => {
  const upstream = await ollamaThatShows(() => here)
  const { url } = upstream
  await upstream[Symbol.asyncDispose]()
  await using inhouse = await startTestApp(config(url))
  const codes: string[] = []
  while (!codes.includes('no_target') && !codes.includes('circuit_open') && codes.length < 50) {
    const response = await inhouse.post('/v1/chat/completions', ask)
    codes.push(((await response.json()) as { error: { code: string } }).error.code)
  }
  expect(codes[0]).toBe('connect_failed')
  expect(codes.length).toBeLessThan(50)
})

test('facts are what Ollama says, and nothing else', () => {
  expect(
    ollamaFacts({
      capabilities: ['completion', 'tools', 'image', 'insert'],
      details: { family: 'qwen3', quantization_level: 'Q4_K_M' },
      parameters:
        'stop                           "<|im_end|>"\nnum_ctx                        8192\ntemperature 0.6',
      template: '{{ .Prompt }}',
      model_info: {
        'general.architecture': 'qwen3',
        'general.parameter_count': 8_190_735_360,
        'qwen3.context_length': 40_960,
        'qwen3.embedding_length': 4096,
      },
    }),
  ).toEqual({
    capabilities: ['chat', 'complete', 'tools', 'insert'],
    context: 8192,
    trainedContext: 40_960,
    architecture: 'qwen3',
    parameters: 8_190_735_360,
    quantization: 'Q4_K_M',
    template: '{{ .Prompt }}',
    dimensions: 4096,
  })
  for (const odd of [null, 'x', [], {}, { model_info: null, details: null, capabilities: 'all' }])
    expect(ollamaFacts(odd)).toEqual({})
  expect(ollamaFacts({ remote_model: 'x' })).toEqual({ remoteHost: 'ollama.com' })
})
