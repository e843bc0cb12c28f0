import { expect, test } from 'bun:test'

import { splitAt } from './testing/fake-answers.ts'
import { FakeModel } from './testing/fake-model.ts'
import { startTestApp } from './testing/test-app.ts'

const recorded = (file: string): Promise<Uint8Array> =>
  Bun.file(`${import.meta.dir}/../fixtures/streams/${file}`).bytes()

test('a Responses stream goes through byte for byte, wherever it is cut, and its usage is read', async () => {
  const bytes = await recorded('openai/responses-tools.sse')
  // Each split costs a call: a prime step sees every place in a line.
  const splits = Array.from({ length: Math.floor(bytes.length / 41) }, (_, at) => at * 41 + 1)
  await using model = await FakeModel.start((_, number) => ({
    chunks: splitAt(bytes, [splits[number] ?? 1]),
  }))
  await using inhouse = await startTestApp(
    `backends: { one: { kind: openai, url: ${model.url}/v1, place: local } }\nmodels: { m: { backend: one } }\n`,
  )
  for (const _ of splits) {
    const response = await inhouse.post('/v1/responses', {
      model: 'm',
      input: 'hi',
      stream: true,
      store: false,
    })
    expect(Buffer.compare(await response.bytes(), bytes)).toBe(0)
  }
  const { total } = await inhouse.app.ledger.usage({ by: [] })
  expect(total).toMatchObject({ requests: splits.length, failed: 0, estimatedShare: 0 })
  expect([total.inputTokens, total.outputTokens]).toEqual([splits.length * 1117, splits.length * 46])
})

test('what OpenRouter charged is the cost in the ledger, streamed and whole', async () => {
  const stream = await recorded('openrouter/chat-reasoning.sse')
  const whole = JSON.stringify({
    id: 'gen-1',
    object: 'chat.completion',
    created: 1,
    model: 'x',
    choices: [{ index: 0, message: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2, cost: 0.25 },
  })
  await using model = await FakeModel.start((request) => ({
    chunks: request.json()['stream'] === true ? splitAt(stream, [7]) : [whole],
  }))
  await using inhouse = await startTestApp(
    `backends: { one: { kind: openrouter, url: ${model.url}/v1, place: local } }\nmodels: { m: { backend: one } }\n`,
  )
  const ask = { model: 'm', messages: [{ role: 'user', content: 'hi' }] }
  await (await inhouse.post('/v1/chat/completions', { ...ask, stream: true })).text()
  await (await inhouse.post('/v1/chat/completions', ask)).text()
  const costs = (await inhouse.entries(2)).map(({ cost }) => cost)
  expect(costs).toEqual([
    { nano: 952_500, currency: 'USD' },
    { nano: 250_000_000, currency: 'USD' },
  ])
})

test('a prompt that Azure’s filter stopped is told as that, with Azure’s own words', async () => {
  const body = {
    error: {
      message: 'The response was filtered due to the prompt triggering the content management policy.',
      type: null,
      param: 'prompt',
      code: 'content_filter',
      status: 400,
      innererror: {
        code: 'ResponsibleAIPolicyViolation',
        content_filter_result: { hate: { filtered: true } },
      },
    },
  }
  await using model = await FakeModel.start(() => ({ status: 400, chunks: [JSON.stringify(body)] }))
  await using inhouse = await startTestApp(
    `backends: { one: { kind: azure, url: ${model.url}/openai/v1, place: local, apiKey: k, deployments: { gpt-4.1: d1 } } }
models: { gpt-4.1: { backend: one } }\n`,
  )
  const ask = { model: 'gpt-4.1', messages: [{ role: 'user', content: 'hi' }] }
  const response = await inhouse.post('/v1/chat/completions', ask)
  expect(response.status).toBe(400)
  expect(await response.json()).toMatchObject({ error: { code: 'content_filter', innererror: {} } })
  const [request] = model.received
  expect([request?.headers['api-key'], request?.path, request?.json()['model']]).toEqual([
    'k',
    '/openai/v1/chat/completions',
    'd1',
  ])
  const [entry] = await inhouse.entries(1)
  expect([entry?.failure, entry?.servedModel]).toEqual(['content_refused', 'gpt-4.1'])
})
