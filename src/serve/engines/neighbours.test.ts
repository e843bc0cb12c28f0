import { afterAll, expect, test } from 'bun:test'
import * as fc from 'fast-check'

import { findNeighbours } from './neighbours.ts'

const servers: Bun.Server<undefined>[] = []
afterAll(() => servers.forEach((server) => void server.stop(true)))

/** A program that answers only these paths. */
const serve = (answers: Readonly<Record<string, unknown>>, status = 200): number => {
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: (request) => {
      const answer = answers[new URL(request.url).pathname]
      if (answer === undefined) return new Response('not here', { status: 404 })
      return new Response(typeof answer === 'string' ? answer : JSON.stringify(answer), { status })
    },
  })
  servers.push(server)
  return server.port ?? 0
}

const models = (owner: string) => ({ object: 'list', data: [{ id: 'm', object: 'model', owned_by: owner }] })

// Shapes of each program's own documentation; an LM Studio also answers what an OpenAI server answers.
test.each([
  [
    'ollama',
    { '/': 'Ollama is running', '/api/version': { version: '0.34.1' }, '/v1/models': models('library') },
    '0.34.1',
  ],
  ['lm-studio', { '/api/v0/models': { data: [] }, '/v1/models': models('organization_owner') }, undefined],
  [
    'llama-server',
    { '/props': { total_slots: 4, build_info: 'b9000-abc' }, '/v1/models': models('llamacpp') },
    'b9000-abc',
  ],
  ['vllm', { '/version': { version: '0.33.0' }, '/v1/models': models('vllm') }, '0.33.0'],
  ['openai-compatible', { '/v1/models': models('somebody') }, undefined],
] as const)('%s is recognised by its own marks', async (kind, answers, version) => {
  const port = serve(answers)
  expect(await findNeighbours([port])).toEqual([
    { kind, url: `http://127.0.0.1:${port}/v1`, version, models: ['m'] },
  ])
})

test('a llama-server that wants a key is recognised by its refusal', async () => {
  const refusal = { error: { code: 401, message: 'Invalid API Key', type: 'authentication_error' } }
  const port = serve({ '/props': refusal, '/v1/models': refusal }, 401)
  expect(await findNeighbours([port])).toMatchObject([{ kind: 'llama-server', models: [] }])
})

test('a web site, a silent program and a closed port are no engines', async () => {
  const silent = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } })
  const closed = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } })
  closed.stop(true)
  const site = serve({ '/': '<html>', '/v1/models': '<html>' })
  expect(await findNeighbours([site, silent.port, closed.port])).toEqual([])
  silent.stop(true)
})

test('a program that answers anything at all is told by its port or passed over, never an error', async () => {
  const any = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.record({ data: fc.jsonValue({ maxDepth: 2 }), build_info: fc.jsonValue(), version: fc.jsonValue() }),
  )
  let answer: unknown
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: () => new Response(typeof answer === 'string' ? answer : JSON.stringify(answer)),
  })
  servers.push(server)
  await fc.assert(
    fc.asyncProperty(any, async (next) => {
      answer = next
      for (const { url, models: names, version } of await findNeighbours([server.port ?? 0])) {
        expect(url).toBe(`http://127.0.0.1:${server.port}/v1`)
        expect([...names, version ?? ''].every((text) => typeof text === 'string')).toBe(true)
      }
    }),
    { numRuns: Math.ceil(Number(process.env['PROPERTY_RUNS'] ?? 1000) / 10) },
  )
}, 30_000)
