import { expect, test } from 'bun:test'

import { splitAt } from './testing/fake-answers.ts'
import { FakeModel } from './testing/fake-model.ts'
import { startTestApp } from './testing/test-app.ts'

const recorded = `${import.meta.dir}/../fixtures/streams/llama-server/chat-length.sse`

/** Comments, odd spacing, both line ends, fields that nobody knows, characters of several bytes. */
const odd =
  ': hello\n\ndata:{"id":"x","object":"chat.completion.chunk","created":1,"model":"z","choices":[{"index":0,"delta":{"content":"Grüße 🙂"},"finish_reason":null}],"odd": 1.0}\r\n\r\n' +
  'data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"z","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}\n\n:ping\n\ndata: [DONE]\n\n'

test.each([
  ['as odd as the format allows', odd, 3, 2],
  ['as the real engine made it', await Bun.file(recorded).text(), 12, 3],
])(
  'a stream %s goes through byte for byte, wherever it is cut in two, and its usage is read',
  async (_, stream, input, output) => {
    const bytes = new TextEncoder().encode(stream)
    await using model = await FakeModel.start((_request, number) => ({
      chunks: splitAt(bytes, [number + 1]),
    }))
    await using inhouse = await startTestApp(
      `backends: { one: { kind: openai-compatible, url: ${model.url}/v1, place: local } }\nmodels: { m: { backend: one } }\n`,
    )
    const ask = {
      model: 'm',
      stream: true,
      stream_options: { include_usage: true },
      messages: [{ role: 'user', content: 'hi' }],
    }
    for (let at = 1; at < bytes.length; at++) {
      const response = await inhouse.post('/v1/chat/completions', ask)
      expect(new Uint8Array(await response.arrayBuffer())).toEqual(bytes)
    }
    const requests = bytes.length - 1
    const { total } = await inhouse.app.ledger.usage({ by: [] })
    expect(total).toMatchObject({ requests, failed: 0, estimatedShare: 0 })
    expect([total.inputTokens, total.outputTokens]).toEqual([requests * input, requests * output])
  },
)
