import { describe, expect, test } from 'bun:test'
import { Ollama, type ChatResponse } from 'ollama'

import { ledgerTables } from './account/ledger/schema.ts'
import { storePath } from './app/setup.ts'
import { openModels } from './models/store.ts'
import { KeyStore, type NewKey } from './protect/guard/key-store.ts'
import { keyTables } from './protect/guard/key-table.ts'
import { openStore } from './store/open.ts'
import { fakeAnswer, sse } from './testing/fake-answers.ts'
import { FakeModel } from './testing/fake-model.ts'
import { fakeRegistries } from './testing/fake-registries.ts'
import { makeGguf } from './testing/model-files.ts'
import { freePort, startTestApp, type TestApp } from './testing/test-app.ts'

const configOf = (model: FakeModel, more = ''): string => `
backends: { one: { kind: openai-compatible, url: ${model.url}/v1, place: local } }
models: { m: { backend: one }, other: { backend: one } }
${more}`

const clientOf = (inhouse: TestApp, key = inhouse.key): Ollama =>
  new Ollama({ host: inhouse.app.url, headers: { authorization: `Bearer ${key}` } })

/** As `inhouse keys create` makes it, beside the running server. */
async function createKey(inhouse: TestApp, wanted: NewKey): Promise<string> {
  const store = await openStore(storePath(inhouse.home), { migrations: [ledgerTables, keyTables] })
  const keys = await KeyStore.open(store, { now: () => Date.now() })
  const { secret } = await keys.create(wanted)
  await keys.close()
  await store.close()
  return secret
}

const refusalOf = (promise: Promise<unknown>): Promise<{ error: string; status_code: number }> =>
  promise.then(
    () => {
      throw new Error('It was not refused.')
    },
    (thrown: unknown) => thrown as { error: string; status_code: number },
  )

const linesOf = async (response: Response): Promise<Record<string, unknown>[]> =>
  (await response.text())
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>)

const hi = { model: 'm', messages: [{ role: 'user', content: 'hi' }] }

test('VS Code’s Copilot finds its models through the listener without keys, and asks them in OpenAI’s dialect', async () => {
  await using model = await FakeModel.start()
  const port = freePort()
  await using _ = await startTestApp(configOf(model, `compat: { listen: "127.0.0.1:${port}", key: default }`))
  const ask = async (path: string, body?: object): Promise<Record<string, unknown>> => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      headers: { authorization: 'Bearer ' },
      ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
    })
    expect([path, response.status]).toEqual([path, 200])
    return (await response.json()) as Record<string, unknown>
  }
  const { version } = await ask('/api/version')
  expect(Bun.semver.order(String(version), '0.6.4')).toBe(1)
  const { models } = (await ask('/api/tags')) as { models: { model: string; name: string }[] }
  expect(models.map(({ name }) => name)).toEqual(['m', 'other'])
  const asked = models[0]?.model ?? ''
  const shown = await ask('/api/show', { model: asked })
  expect(shown).toMatchObject({
    capabilities: ['completion'],
    model_info: { 'general.architecture': 'unknown', 'general.basename': 'm' },
  })
  const answer = await ask('/v1/chat/completions', { ...hi, model: asked })
  expect(answer).toMatchObject({ choices: [{ message: { content: 'Hello there.' } }] })
  expect(model.received.at(-1)?.json()['model']).toBe('m')
})

test('the listener without keys answers HEAD and GET / as Ollama does, and no web page and no foreign name', async () => {
  await using model = await FakeModel.start()
  const port = freePort()
  await using _ = await startTestApp(configOf(model, `compat: { listen: "127.0.0.1:${port}", key: default }`))
  const root = `http://127.0.0.1:${port}`
  expect((await fetch(root, { method: 'HEAD' })).status).toBe(200)
  expect(await (await fetch(root)).text()).toBe('Ollama is running')
  for (const headers of [{ origin: 'https://evil.example' }, { host: 'evil.example' }]) {
    const response = await fetch(`${root}/api/tags`, { headers })
    expect(response.status).toBe(403)
    expect(await response.json()).toEqual({ error: expect.any(String) })
  }
})

test('a name with Ollama’s tag for none is the name without it, for limits of keys too', async () => {
  await using model = await FakeModel.start()
  await using inhouse = await startTestApp(configOf(model))
  const ollama = clientOf(inhouse, await createKey(inhouse, { name: 'narrow', models: ['m'] }))
  expect((await ollama.chat({ ...hi, model: 'm:latest' })).message.content).toBe('Hello there.')
  expect((await ollama.list()).models.map((row) => row.model)).toEqual(['m:latest'])
  const refusal = await refusalOf(ollama.chat({ ...hi, model: 'other:latest' }))
  expect(refusal.status_code).toBe(403)
  expect((await refusalOf(ollama.show({ model: 'other' }))).error).toContain('not found')
})

test('what a backend cannot honour is named in the answer’s header', async () => {
  await using model = await FakeModel.start()
  await using inhouse = await startTestApp(configOf(model))
  const response = await inhouse.post('/api/chat', { ...hi, options: { num_ctx: 8192 }, keep_alive: '5m' })
  expect(response.headers.get('content-type')).toBe('application/x-ndjson')
  const warnings = response.headers.get('x-inhouse-warning')?.split('; ').toSorted()
  expect(warnings).toEqual(['keep_alive', 'options.num_ctx'])
})

describe('a call that asks nothing', () => {
  test('is answered as loaded or let go of, asks no model anything and has no row in the ledger', async () => {
    await using model = await FakeModel.start()
    await using inhouse = await startTestApp(configOf(model))
    const ollama = clientOf(inhouse)
    expect(await ollama.generate({ model: 'm', prompt: '' })).toMatchObject({
      response: '',
      done: true,
      done_reason: 'load',
    })
    const unloaded = await inhouse.post('/api/chat', { model: 'm', keep_alive: 0 })
    expect(unloaded.headers.get('x-inhouse-warning')).toBe('keep_alive')
    expect(await unloaded.json()).toMatchObject({ message: { content: '' }, done_reason: 'unload' })
    expect(await ollama.embed({ model: 'm', input: [] })).toMatchObject({ embeddings: [] })
    expect(model.received).toEqual([])
    await ollama.chat(hi)
    expect(await inhouse.entries(1)).toHaveLength(1)
  })

  test('is refused for good where its model’s backend can do no such thing', async () => {
    await using inhouse =
      await startTestApp(`backends: { one: { kind: anthropic, url: http://127.0.0.1:9, place: local } }
models: { m: { backend: one } }`)
    const refused = await inhouse.post('/api/generate', { model: 'm', suffix: 'z' })
    expect([refused.status, await refused.text()]).toEqual([
      400,
      expect.stringContaining('No backend of m can complete.'),
    ])
  })

  test('is refused as any other: without a key, for a model that is unknown or closed to the key, past a limit', async () => {
    await using model = await FakeModel.start()
    await using inhouse = await startTestApp(configOf(model))
    const wanted = { name: 'narrow', models: ['m'], limits: { requestsPerMinute: 1 } }
    const key = await createKey(inhouse, wanted)
    const status = async (body: object, by = key): Promise<number> =>
      (await inhouse.post('/api/generate', body, { headers: { authorization: `Bearer ${by}` } })).status
    expect(await status({ model: 'm' }, 'nobody')).toBe(401)
    expect(await status({ model: 'nope' })).toBe(404)
    expect(await status({ model: 'other' })).toBe(403)
    expect(await status({ model: 'm' })).toBe(200)
    expect(await status({ model: 'm' })).toBe(429)
  })
})

describe('a stream', () => {
  test('that is silent for a while has lines that clients read, and nothing else', async () => {
    const { promise: goOn, resolve } = Promise.withResolvers<void>()
    await using model = await FakeModel.start((request) => ({ ...fakeAnswer(request), until: goOn }))
    await using inhouse = await startTestApp(configOf(model, 'timeouts: { heartbeatMs: 20 }'))
    const pieces: ChatResponse[] = []
    for await (const piece of await clientOf(inhouse).chat({ ...hi, stream: true })) {
      pieces.push(piece)
      if (pieces.length === 5) resolve()
    }
    expect(pieces.map(({ message }) => message.content).join('')).toBe('Hello there.')
    expect(pieces.at(-1)).toMatchObject({ done: true, eval_count: 3 })
  })

  test('that breaks off ends with an error that clients throw', async () => {
    const chunk = { choices: [{ index: 0, delta: { content: 'Hel' }, finish_reason: null }] }
    await using model = await FakeModel.start(() => ({ chunks: [...sse([chunk]), ''] }))
    await using inhouse = await startTestApp(configOf(model))
    const seen: string[] = []
    const failure = await refusalOf(
      (async () => {
        for await (const piece of await clientOf(inhouse).chat({ ...hi, stream: true }))
          seen.push(piece.message.content)
      })(),
    )
    expect(seen).toEqual(['Hel'])
    expect(failure).toMatchObject({ message: expect.stringContaining('without a finish') })
  })
})

test('mistakes beside the calls are told in Ollama’s words', async () => {
  await using model = await FakeModel.start()
  await using inhouse = await startTestApp(configOf(model))
  const headers = { authorization: `Bearer ${inhouse.key}` }
  const told = async (path: string, init: RequestInit = {}): Promise<unknown[]> => {
    const response = await fetch(inhouse.app.url + path, { headers, ...init })
    return [response.status, await response.json()]
  }
  const error = { error: expect.any(String) }
  expect(await told('/api/chat')).toEqual([405, error])
  expect(await told('/api/nothing')).toEqual([404, error])
  expect(await told('/api/show', { method: 'POST', body: '{' })).toEqual([400, error])
  expect(await told('/api/show', { method: 'POST', body: '{}' })).toEqual([400, error])
  expect(await told('/api/tags', { headers: {} })).toEqual([401, error])
})

describe('the models of this machine', () => {
  const gguf = makeGguf()
  const started = async (model: FakeModel, url: string): Promise<TestApp> =>
    startTestApp(configOf(model), { OLLAMA_REGISTRY: url, OLLAMA_MODELS: '/nowhere' })

  test('are changed by no key but an admin’s', async () => {
    await using model = await FakeModel.start()
    await using inhouse = await startTestApp(configOf(model))
    const ollama = clientOf(inhouse)
    const calls = [
      () => ollama.pull({ model: 'tiny' }),
      () => ollama.delete({ model: 'tiny' }),
      () => ollama.create({ model: 'tiny', from: 'm' }),
      () => ollama.copy({ source: 'm', destination: 'tiny' }),
      () => ollama.push({ model: 'tiny' }),
    ]
    for (const call of calls) {
      const refusal = await refusalOf(call())
      expect(refusal.status_code).toBe(403)
      expect(refusal.error).toContain('keys create --admin')
    }
  })

  test('are brought and taken away by an admin; what is not offered says what to do instead', async () => {
    await using model = await FakeModel.start()
    await using registry = await fakeRegistries({ ollama: { 'library/tiny:1b': [['model', gguf]] } })
    await using inhouse = await started(model, registry.url)
    const ollama = clientOf(inhouse, await createKey(inhouse, { name: 'ops', admin: true }))
    const steps: string[] = []
    for await (const { status } of await ollama.pull({ model: 'tiny:1b', stream: true })) steps.push(status)
    expect([steps[0], steps.at(-1)]).toEqual(['pulling manifest', 'success'])
    expect(steps.some((step) => step.startsWith('Downloading'))).toBe(true)
    const stored = async (): Promise<string[]> =>
      (await openModels({ home: inhouse.home, env: {} }).list()).map(({ source }) => source)
    expect(await stored()).toEqual(['ollama:tiny:1b'])
    expect(await ollama.pull({ model: 'tiny:1b' })).toEqual({ status: 'success' } as never)
    await ollama.delete({ model: 'tiny:1b' })
    expect(await stored()).toEqual([])
    expect((await refusalOf(ollama.delete({ model: 'tiny:1b' }))).status_code).toBe(404)
    expect((await refusalOf(ollama.create({ model: 'x' }))).error).toContain('models:')
  })

  test('are waited for no longer than the client waits', async () => {
    await using model = await FakeModel.start()
    await using registry = await fakeRegistries({ ollama: { 'library/tiny:1b': [['model', gguf]] } })
    await using inhouse = await started(model, registry.url)
    const ollama = clientOf(inhouse, await createKey(inhouse, { name: 'ops', admin: true }))
    registry.silentAfter = 200
    const { promise: silent, resolve } = Promise.withResolvers<void>()
    registry.onSilence = resolve
    const stream = await ollama.pull({ model: 'tiny:1b', stream: true })
    await silent
    stream.abort()
    registry.silentAfter = undefined
    // It would wait for the first one, which waits for bytes that never come.
    expect(await ollama.pull({ model: 'tiny:1b' })).toEqual({ status: 'success' } as never)
  })

  test('that cannot be brought end the stream with the error', async () => {
    await using model = await FakeModel.start()
    await using registry = await fakeRegistries({})
    await using inhouse = await started(model, registry.url)
    const key = await createKey(inhouse, { name: 'ops', admin: true })
    const headers = { authorization: `Bearer ${key}` }
    const lines = await linesOf(await inhouse.post('/api/pull', { model: 'nope' }, { headers }))
    expect(lines).toEqual([{ status: 'pulling manifest' }, { error: expect.any(String) }])
  })
})
