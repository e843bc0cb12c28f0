import { expect, test } from 'bun:test'

import { splitAt } from '../../testing/fake-answers.ts'
import { FakeModel, type Script } from '../../testing/fake-model.ts'
import { startTestApp } from '../../testing/test-app.ts'

const folder = `${import.meta.dir}/../../../fixtures/streams/ollama`
const show: Script = { chunks: ['{"capabilities":["completion","tools"]}'] }
const config = (url: string): string =>
  `backends: { gpu: { kind: ollama, url: "${url}" } }\nmodels: { m: { backend: gpu } }\n`
const ask = { model: 'm', messages: [{ role: 'user', content: 'hi' }] }

/** Odd spacing, a blank line, fields that nobody knows, no end of the last line. */
const odd =
  '{"model":"z","created_at":"2026-11-21T10:00:00Z","message":{"role":"assistant","content":"Grüße 🙂"},"done":false,"odd": 1.0}\r\n\n' +
  '{ "model":"z","created_at":"x","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","prompt_eval_count":3,"eval_count":2 }'

test.each([
  ['as odd as the format allows', odd, 3, 2],
  ['as the real Ollama made it', await Bun.file(`${folder}/chat-length.ndjson`).text(), 12, 3],
])(
  'a stream %s goes to Ollama’s clients byte for byte, wherever it is cut in two, and its usage is read',
  async (_, stream, input, output) => {
    const bytes = new TextEncoder().encode(stream)
    let at = 0
    await using model = await FakeModel.start(({ path }) =>
      path === '/api/show'
        ? show
        : { headers: { 'content-type': 'application/x-ndjson' }, chunks: splitAt(bytes, [at]) },
    )
    await using inhouse = await startTestApp(config(model.url))
    for (at = 1; at < bytes.length; at++) {
      const response = await inhouse.post('/api/chat', ask)
      expect(response.headers.get('content-type')).toContain('application/x-ndjson')
      expect(await response.bytes()).toEqual(bytes)
    }
    const requests = bytes.length - 1
    const { total } = await inhouse.app.ledger.usage({ by: [] })
    expect(total).toMatchObject({ requests, failed: 0, estimatedShare: 0 })
    expect([total.inputTokens, total.outputTokens]).toEqual([requests * input, requests * output])
  },
)

test('a call that must come is asked for by its schema, and told as a call', async () => {
  const said = (content: string, done: boolean): string =>
    `${JSON.stringify({ model: 'm', message: { role: 'assistant', content }, done, ...(done && { done_reason: 'stop' }) })}\n`
  await using model = await FakeModel.start(({ path }) =>
    path === '/api/show'
      ? show
      : {
          headers: { 'content-type': 'application/x-ndjson' },
          chunks: [said('{"ci', false), said('ty":"Köln"}', false), said('', true)],
        },
  )
  await using inhouse = await startTestApp(config(model.url))
  const response = await inhouse.post('/v1/chat/completions', {
    ...ask,
    tools: [{ type: 'function', function: { name: 'get_weather', parameters: { type: 'object' } } }],
    tool_choice: 'required',
  })
  expect(await response.json()).toMatchObject({
    choices: [
      {
        message: { tool_calls: [{ function: { name: 'get_weather', arguments: '{"city":"Köln"}' } }] },
        finish_reason: 'tool_calls',
      },
    ],
  })
})

test('an error in its stream is one in the client’s', async () => {
  const stream = await Bun.file(`${folder}/error.ndjson`).text()
  await using model = await FakeModel.start(({ path }) =>
    path === '/api/show' ? show : { headers: { 'content-type': 'application/x-ndjson' }, chunks: [stream] },
  )
  await using inhouse = await startTestApp(config(model.url))
  const native = await inhouse.post('/api/chat', ask)
  expect(await native.text()).toBe(stream)
  const openai = await inhouse.post('/v1/chat/completions', { ...ask, stream: true })
  expect(await openai.text()).toContain('"code":"upstream_failed"')
})

test('the context of a row reaches it with each call', async () => {
  await using model = await FakeModel.start(({ path }) =>
    path === '/api/show' ? show : { chunks: ['{"model":"m","embeddings":[[1]],"prompt_eval_count":1}'] },
  )
  await using inhouse = await startTestApp(
    `backends: { gpu: { kind: ollama, url: "${model.url}" } }\nmodels: { m: { backend: gpu, context: 1024 } }\n`,
  )
  expect((await inhouse.post('/v1/embeddings', { model: 'm', input: 'hi' })).status).toBe(200)
  expect((await model.request(1)).json()).toMatchObject({ input: ['hi'], options: { num_ctx: 1024 } })
})
