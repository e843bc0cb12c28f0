import { expect, test } from 'bun:test'
import * as fc from 'fast-check'

import { Failure, asFailure } from '../../core/failure.ts'
import { engineAnswers, engineServer, fetchTransport as transport } from '../../testing/engine-servers.ts'
import { findNeighbours } from './neighbours.ts'
import { probe } from './probe.ts'

const cases = [
  ['inhouse', 'openai-compatible', '/v1', '0.1.0'],
  ['localai', 'localai', '/v1', 'v4.9.0'],
  ['lm-studio', 'lm-studio', '/v1', undefined],
  ['llama-server', 'llama-server', '/v1', 'b10488-abc'],
  ['tgi', 'tgi', '/v1', '3.3.7'],
  ['sglang', 'sglang', '/v1', '0.5.23'],
  ['vllm', 'vllm', '/v1', '0.30.1'],
  ['ollama', 'ollama', '', '0.17.0'],
  ['openai-compatible', 'openai-compatible', '/v1', undefined],
] as const

test.each(cases)(
  '%s is told by its own marks, whatever else it plays',
  async (program, kind, base, version) => {
    using server = engineServer(engineAnswers[program])
    // With or without the `/v1` that clients put behind it.
    for (const url of [server.url, `${server.url}/v1`, `${server.url}/`]) {
      const found = await probe(url, { transport })
      expect(found).toMatchObject({ kind, url: server.url + base, access: 'open' })
      expect(found.version).toBe(version)
      expect(found.models.length).toBeGreaterThan(0)
    }
  },
)

const factsOf = async (program: keyof typeof engineAnswers) => {
  using server = engineServer(engineAnswers[program])
  const { models } = await probe(server.url, { transport })
  return Object.fromEntries(models.map(({ name, facts }) => [name, facts]))
}

test('what a model is comes from its engine alone, and what it does not say is left out', async () => {
  expect(await factsOf('inhouse')).toEqual({ small: { context: 4096 } })
  expect(await factsOf('localai')).toEqual({
    qwen3: { capabilities: ['chat', 'complete', 'tools', 'thinking'], context: 8192 },
    nomic: { capabilities: ['embed'], context: 2048 },
    bge: { capabilities: ['rerank'], context: 2048 },
    fresh: { context: 2048 },
    'loose.gguf': {},
  })
  expect(await factsOf('lm-studio')).toEqual({
    'qwen/qwen3.5-9b': {
      capabilities: ['chat', 'complete', 'tools', 'vision'],
      context: 4096,
      trainedContext: 262_144,
      architecture: 'qwen35',
      quantization: 'Q4_K_M',
      sizeBytes: 6_548_927_017,
    },
    nomic: { capabilities: ['embed'], trainedContext: 2048, architecture: 'nomic-bert' },
  })
  expect(await factsOf('llama-server')).toEqual({
    'm.gguf': {
      capabilities: ['chat', 'complete', 'tools', 'vision'],
      context: 8192,
      trainedContext: 32_768,
      parameters: 1000,
      sizeBytes: 500,
      quantization: 'Q4_1',
      dimensions: 64,
      template: '{{ messages }}',
    },
  })
  expect(await factsOf('tgi')).toEqual({ 'org/model': { context: 4096 } })
  expect(await factsOf('sglang')).toEqual({
    'org/model': { capabilities: ['chat', 'complete', 'tools'], context: 40_960, quantization: 'fp8' },
  })
  expect(await factsOf('vllm')).toEqual({ 'org/model': { context: 2048 } })
  expect(await factsOf('ollama')).toEqual({
    'qwen3:8b': {
      capabilities: ['chat', 'complete', 'tools', 'thinking'],
      context: 16_384,
      trainedContext: 40_960,
      architecture: 'qwen3',
      quantization: 'Q4_K_M',
      sizeBytes: 5000,
      digest: 'sha256:ab',
    },
    'big:cloud': { sizeBytes: 1, digest: 'sha256:cd', remoteHost: 'https://ollama.com:443' },
  })
})

test('an older LM Studio tells less, and is read from its older list', async () => {
  const legacy = {
    data: [
      {
        id: 'vl',
        type: 'vlm',
        arch: 'qwen2_vl',
        quantization: '4bit',
        state: 'not-loaded',
        max_context_length: 9,
      },
      { id: 'llm', type: 'llm', state: 'loaded', capabilities: ['tool_use'], loaded_context_length: 8 },
    ],
  }
  using server = engineServer({ '/api/v0/models': legacy, '/v1/models': { data: [] } })
  const { kind, models } = await probe(server.url, { transport })
  expect(kind).toBe('lm-studio')
  expect(models).toEqual([
    { name: 'vl', facts: { trainedContext: 9, architecture: 'qwen2_vl', quantization: '4bit' } },
    { name: 'llm', facts: { capabilities: ['chat', 'complete', 'tools'], context: 8 } },
  ])
})

test('a router of llama-server is asked of each loaded model, and loads none by that', async () => {
  const status = (value: string) => ({ status: { value } })
  const list = {
    data: [
      { id: 'a', ...status('loaded') },
      { id: 'b', ...status('unloaded') },
    ],
  }
  using server = engineServer({
    '/props': { build_info: 'b1-x', total_slots: 1 },
    '/props?model=a&autoload=false': { default_generation_settings: { n_ctx: 77 } },
    '/v1/models': list,
  })
  const { models } = await probe(server.url, { transport })
  expect(models).toEqual([
    { name: 'a', facts: { context: 77 } },
    { name: 'b', facts: {} },
  ])
})

test('a key is told to be wanted, taken, refused or not needed', async () => {
  const key = { value: 'k', guards: /^\/v1\// }
  using server = engineServer(engineAnswers.vllm, key)
  const wanted = await probe(server.url, { transport })
  expect(wanted).toMatchObject({ kind: 'vllm', access: 'wanted', models: [] })
  // Its other doors stand open nonetheless.
  expect(wanted.cautions.join()).toContain('/invocations')
  expect(await probe(server.url, { transport, key: 'k' })).toMatchObject({ access: 'key' })
  expect(await probe(server.url, { transport, key: 'wrong' })).toMatchObject({ access: 'refused' })
  using open = engineServer(engineAnswers.vllm)
  expect(await probe(open.url, { transport, key: 'k' })).toMatchObject({ access: 'open', cautions: [] })
})

test('a llama-server that wants a key is told by the shape of its refusal, others by a refusal at all', async () => {
  const error = { code: 401, message: 'Invalid API Key', type: 'authentication_error' }
  const refusal = () => Response.json({ error }, { status: 401 })
  using llama = engineServer({ '/props': refusal, '/v1/models': refusal })
  expect(await probe(llama.url, { transport })).toMatchObject({ kind: 'llama-server', access: 'wanted' })
  using other = engineServer({ '/v1/models': () => Response.json({ error: {} }, { status: 403 }) })
  expect(await probe(other.url, { transport })).toMatchObject({ kind: 'openai-compatible', access: 'wanted' })
})

test('whoever knows better says the kind', async () => {
  using server = engineServer(engineAnswers['openai-compatible'])
  expect(await probe(server.url, { transport, kind: 'vllm' })).toMatchObject({ kind: 'vllm', access: 'open' })
  expect(await probe(server.url, { transport, kind: 'ollama' })).toMatchObject({
    url: server.url,
    models: [],
  })
})

test('holes are told with the version that closes them, and unknown versions have none', async () => {
  using vllm = engineServer(engineAnswers.vllm)
  const { vulnerabilities } = await probe(vllm.url, { transport })
  expect(vulnerabilities.map(({ fixedIn }) => fixedIn)).toEqual(['0.31.0'])
  using built = engineServer({ ...engineAnswers.ollama, '/api/version': { version: '0.0.0' } })
  expect(await probe(built.url, { transport })).toMatchObject({ version: undefined, vulnerabilities: [] })
})

test('a redirect is not followed, and a web site, a closed port and silence are no servers of models', async () => {
  using elsewhere = engineServer(engineAnswers.vllm)
  const away = () => new Response(null, { status: 307, headers: { location: `${elsewhere.url}/v1/models` } })
  using redirecting = engineServer({ '/v1/models': away, '/version': away })
  using site = engineServer({ '/': '<html>', '/v1/models': '<html>', '/props': '<html>' })
  for (const { url } of [redirecting, site]) {
    const failed = await probe(url, { transport }).catch(asFailure)
    expect(failed).toMatchObject({ code: 'upstream_invalid' })
  }
  expect(elsewhere.asked).toEqual([])
  const silent = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } })
  const late = await probe(`http://127.0.0.1:${silent.port}`, { transport, timeoutMs: 50 }).catch(asFailure)
  expect(late).toMatchObject({ code: 'first_event_timeout' })
  silent.stop(true)
  const none = await probe(`http://127.0.0.1:${silent.port}`, { transport }).catch(
    (thrown: unknown) => thrown,
  )
  expect(none).toBeInstanceOf(Failure)
})

test('neighbours are those that answer as engines do', async () => {
  using ollama = engineServer(engineAnswers.ollama)
  using site = engineServer({ '/': '<html>', '/v1/models': '<html>' })
  expect(await findNeighbours(transport, [ollama.port, site.port])).toEqual([
    { kind: 'ollama', url: ollama.url, version: '0.17.0', models: ['qwen3:8b', 'big:cloud'] },
  ])
})

test('whatever a program answers, it is told or refused: never an error of ours, and names are names', async () => {
  const paths = [
    '/v1/models',
    '/models',
    '/health',
    '/.well-known/localai.json',
    '/api/v1/models',
    '/api/v0/models',
    '/props',
    '/info',
    '/server_info',
    '/version',
    '/api/version',
    '/api/tags',
    '/v1/models/capabilities',
  ]
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    fc.record({
      data: fc.array(fc.record({ id: fc.jsonValue(), owned_by: fc.constantFrom('vllm', 'sglang') })),
    }),
    fc.record({ models: fc.array(fc.jsonValue()), version: fc.jsonValue(), build_info: fc.jsonValue() }),
  )
  using server = engineServer({})
  await fc.assert(
    fc.asyncProperty(fc.dictionary(fc.constantFrom(...paths), value), async (answers) => {
      server.answers = answers
      const found = await probe(server.url, { transport }).catch((thrown: unknown) => thrown)
      if (found instanceof Failure) {
        expect(found.code).toBe('upstream_invalid')
        return
      }
      expect(found).not.toBeInstanceOf(Error)
      const { models } = found as Awaited<ReturnType<typeof probe>>
      for (const { name, facts } of models) {
        expect(typeof name).toBe('string')
        expect(facts.context === undefined || Number.isSafeInteger(facts.context)).toBe(true)
      }
    }),
    { numRuns: Math.ceil(Number(process.env['PROPERTY_RUNS'] ?? 1000) / 5) },
  )
}, 60_000)

test('a server that hangs is told of without advice on a config that has no part in it', async () => {
  using server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Promise<Response>(() => {}) })
  const asking = probe(`http://127.0.0.1:${server.port}`, { transport, timeoutMs: 50 })
  const failure = await asking.catch((thrown: unknown) => thrown)
  expect(failure).toMatchObject({
    code: 'first_event_timeout',
    facts: { help: expect.not.stringContaining('timeouts.') },
  })
})
