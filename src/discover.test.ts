import { expect, test } from 'bun:test'

import { createTransport } from './net/index.ts'
import { probe } from './serve/discover/probe.ts'
import { createEngines } from './serve/engines/engines.ts'
import { engineAnswers, engineServer } from './testing/engine-servers.ts'
import {
  fetchTimeoutMs,
  never,
  quickSettings,
  realEngine,
  realModel,
  smallRow,
  testClock,
  testHome,
  testLog,
} from './testing/real-engine.ts'
import { startTestApp } from './testing/test-app.ts'

test(
  'a real llama-server is told by its refusal, and with its key tells what its model is',
  async () => {
    await realEngine()
    const rows = [smallRow(await realModel())]
    const parts = { home: testHome, settings: quickSettings(), rows, clock: testClock, log: testLog() }
    const engines = createEngines(parts)
    const transport = createTransport()
    try {
      const opening = await engines.open('small', never)
      const { url, headers } = opening
      const key = headers['authorization']?.replace('Bearer ', '')
      expect(await probe(url, { transport })).toMatchObject({
        kind: 'llama-server',
        access: 'wanted',
        models: [],
      })
      const { models, ...found } = await probe(url, { transport, key })
      expect(found).toMatchObject({ kind: 'llama-server', url: `${url}/v1`, access: 'key' })
      expect(models).toEqual([
        {
          name: 'small',
          facts: {
            // Its chat template knows no tools.
            capabilities: ['chat', 'complete'],
            context: 1024,
            trainedContext: 8192,
            parameters: 134_515_008,
            quantization: 'Q4_1',
            sizeBytes: 96_576_768,
            dimensions: 576,
            template: expect.stringContaining('<|im_start|>'),
          },
        },
      ])
      opening.close()
    } finally {
      transport.close()
      await engines.stop()
    }
  },
  fetchTimeoutMs,
)

/** What clients of each dialect are shown of a model. */
const shown = async ({ app, key }: Awaited<ReturnType<typeof startTestApp>>, model: string) => {
  const headers = { authorization: `Bearer ${key}` }
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(app.url + path, { ...init, headers }).then(
      (reply) => reply.json() as Promise<Record<string, unknown>>,
    )
  return {
    openai: await ask(`/v1/models/${model}`),
    ollama: await ask('/api/show', { method: 'POST', body: JSON.stringify({ model }) }),
  }
}

test('what engines elsewhere say of their models stands in every list; a row’s own context counts more', async () => {
  using ollama = engineServer(engineAnswers.ollama)
  using vllm = engineServer(engineAnswers.vllm)
  await using inhouse = await startTestApp(`
backends:
  box: { kind: ollama, url: "${ollama.url}" }
  gpu: { kind: vllm, url: "${vllm.url}/v1" }
models:
  qwen: { backend: box, model: "qwen3:8b" }
  short: { backend: box, model: "qwen3:8b", context: 2048 }
  big: { backend: gpu, model: org/model }
  "any*": { backend: gpu }
`)
  // Nobody was asked for it yet.
  expect([ollama.asked, vllm.asked]).toEqual([[], []])
  await inhouse.app.learn()
  const qwen = await shown(inhouse, 'qwen')
  expect(qwen.openai).toMatchObject({ max_input_tokens: 16_384 })
  expect(qwen.ollama).toMatchObject({
    capabilities: ['completion', 'tools', 'thinking'],
    model_info: { 'general.architecture': 'qwen3', 'qwen3.context_length': 16_384 },
    details: { quantization_level: 'Q4_K_M' },
  })
  const short = await shown(inhouse, 'short')
  expect(short.openai).toMatchObject({ max_input_tokens: 2048 })
  expect(short.ollama).toMatchObject({ model_info: { 'qwen3.context_length': 2048 } })
  expect((await shown(inhouse, 'big')).openai).toMatchObject({ max_input_tokens: 2048 })
  expect((await shown(inhouse, 'anything')).openai).toMatchObject({ max_input_tokens: null })
})

test('a list is answered at once, whatever becomes of those that are asked beside it', async () => {
  using vllm = engineServer(engineAnswers.vllm)
  await using inhouse = await startTestApp(`
backends:
  gpu: { kind: vllm, url: "${vllm.url}/v1" }
  gone: { kind: vllm, url: "http://127.0.0.1:1/v1" }
models: { big: { backend: gpu, model: org/model }, lost: { backend: gone } }
`)
  expect((await shown(inhouse, 'big')).openai).toMatchObject({ max_input_tokens: null })
  while (!vllm.asked.includes('GET /v1/models')) await Bun.sleep(1)
  await inhouse.app.learn()
  expect((await shown(inhouse, 'lost')).openai).toMatchObject({ max_input_tokens: null })
})

test('offline a third party is not asked what it has', async () => {
  using far = engineServer(engineAnswers['openai-compatible'])
  await using inhouse = await startTestApp(`
offline: true
backends: { far: { kind: openai-compatible, url: "${far.url}/v1", place: cloud } }
models: { m: { backend: far } }
`)
  await inhouse.app.learn()
  expect(far.asked).toEqual([])
})
