import { expect, test } from 'bun:test'

import {
  engineAnswers,
  engineServer,
  fetchTransport,
  type EngineServer,
} from '../../testing/engine-servers.ts'
import { FactsCache, type Source } from './facts-cache.ts'

const sourceOf = (server: EngineServer, kind: string, models: readonly string[]): Source => ({
  name: 'far',
  kind,
  models,
  reach: () => Promise.resolve({ url: server.url, headers: {} }),
  transport: fetchTransport,
})

const clockAt = (start = 0) => {
  const clock = { now: start, tick: () => clock.now }
  return clock
}

test('nothing is known, and nobody is asked, until it is wanted', async () => {
  using server = engineServer(engineAnswers.vllm)
  const cache = new FactsCache(clockAt())
  cache.use([sourceOf(server, 'vllm', ['org/model', 'other'])])
  expect(cache.of('far', 'org/model')).toBeUndefined()
  expect(server.asked).toEqual([])
  await cache.freshen()
  expect(cache.of('far', 'org/model')).toEqual({ context: 2048 })
  expect(cache.of('far', 'other')).toBeUndefined()
})

test('it is asked again after its time, not before, and what was known stays while nobody answers', async () => {
  const server = engineServer(engineAnswers.vllm)
  const clock = clockAt()
  const cache = new FactsCache(clock)
  cache.use([sourceOf(server, 'vllm', ['org/model'])])
  await cache.freshen()
  server.answers = {
    ...engineAnswers.vllm,
    '/v1/models': { data: [{ id: 'org/model', max_model_len: 99 }] },
  }
  clock.now = 60_000
  await cache.freshen()
  expect(cache.of('far', 'org/model')).toEqual({ context: 2048 })
  clock.now = 6 * 60_000
  await cache.freshen()
  expect(cache.of('far', 'org/model')).toEqual({ context: 99 })
  server[Symbol.dispose]()
  clock.now = 12 * 60_000
  await cache.freshen()
  expect(cache.of('far', 'org/model')).toEqual({ context: 99 })
})

test('an engine with one model means it by every name; one with several does not', async () => {
  using one = engineServer(engineAnswers['llama-server'])
  const cache = new FactsCache(clockAt())
  cache.use([sourceOf(one, 'llama-server', ['as-it-likes'])])
  await cache.freshen()
  expect(cache.of('far', 'as-it-likes')).toMatchObject({ context: 8192 })
  using vllm = engineServer(engineAnswers.vllm)
  cache.use([sourceOf(vllm, 'vllm', ['as-it-likes'])])
  await cache.freshen()
  expect(cache.of('far', 'as-it-likes')).toBeUndefined()
})

test('of an Ollama only the models that rows lead to are asked for', async () => {
  using server = engineServer(engineAnswers.ollama)
  const cache = new FactsCache(clockAt())
  cache.use([sourceOf(server, 'ollama', ['qwen3:8b'])])
  await cache.freshen()
  expect(cache.of('far', 'qwen3:8b')).toMatchObject({ context: 16_384, architecture: 'qwen3' })
  expect(server.asked.filter((path) => path === 'POST /api/show')).toHaveLength(1)
})

test('a backend that is gone is forgotten, and an answer for an old row does not count', async () => {
  using server = engineServer(engineAnswers.vllm)
  const cache = new FactsCache(clockAt())
  cache.use([sourceOf(server, 'vllm', ['org/model'])])
  await cache.freshen()
  cache.use([])
  expect(cache.of('far', 'org/model')).toBeUndefined()
  cache.use([sourceOf(server, 'vllm', ['org/model'])])
  const asking = cache.freshen()
  cache.use([sourceOf(server, 'vllm', ['another'])])
  await asking
  expect(cache.of('far', 'org/model')).toBeUndefined()
})
