import { describe, expect, test } from 'bun:test'

import { splitAt, sse } from '../../testing/fake-answers.ts'
import { FakeModel } from '../../testing/fake-model.ts'
import { startTestApp, type TestApp } from '../../testing/test-app.ts'

const withBackend = (kind: string, url: string): Promise<TestApp> =>
  startTestApp(
    `backends: { one: { kind: ${kind}, url: '${url}', place: local, apiKey: sk-ours } }\nmodels: { m: { backend: one } }\n`,
  )

const ask = { model: 'm', max_tokens: 50, messages: [{ role: 'user', content: 'hi' }] }
const recorded = `${import.meta.dir}/../../../fixtures/streams/anthropic/tools.sse`

describe('to an Anthropic backend and back', () => {
  test('a stream goes byte for byte, wherever it is cut in two, and its usage is read', async () => {
    const bytes = await Bun.file(recorded).bytes()
    await using model = await FakeModel.start((_request, number) => ({
      chunks: splitAt(bytes, [number + 1]),
    }))
    await using inhouse = await withBackend('anthropic', model.url)
    const requests = bytes.length - 1
    for (let number = 0; number < requests; number++) {
      const response = await inhouse.post('/v1/messages', { ...ask, stream: true })
      expect(new Uint8Array(await response.arrayBuffer())).toEqual(bytes)
    }
    const { total } = await inhouse.app.ledger.usage({ by: [] })
    expect(total).toMatchObject({ requests, failed: 0, estimatedShare: 0 })
    expect([total.inputTokens, total.outputTokens]).toEqual([requests * 1012, requests * 89])
  })

  test('the request and its headers go as they came, but for the key, and the whole answer too', async () => {
    const answer = '{ "type":"message","content":[],"stop_reason":"end_turn","odd":12345678901234567890 }'
    await using model = await FakeModel.start(() => ({ chunks: [answer] }))
    await using inhouse = await withBackend('anthropic', model.url)
    const body = `{"model":"m","max_tokens":50, "messages":[{"role":"user","content":"hi"}],"context_management":{"edits":[]},"n":1.50}`
    const headers = { 'anthropic-version': '2023-06-01', 'anthropic-beta': 'one,two' }
    const response = await inhouse.post('/v1/messages?beta=true', body, { headers })
    expect(await response.text()).toBe(answer)
    expect(response.headers.get('request-id')).toBe(response.headers.get('x-inhouse-request-id'))
    const { path, headers: sent, body: bytes } = await model.request(0)
    expect(path).toBe('/v1/messages')
    expect(new TextDecoder().decode(bytes)).toBe(body)
    expect(sent).toMatchObject({ ...headers, 'x-api-key': 'sk-ours' })
    expect(JSON.stringify(sent)).not.toContain(inhouse.key)
  })

  test('an error comes byte for byte, with its status', async () => {
    const error =
      '{"type":"error", "error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_9"}'
    await using model = await FakeModel.start(() => ({
      status: 529,
      headers: { 'retry-after': '9' },
      chunks: [error],
    }))
    await using inhouse = await withBackend('anthropic', model.url)
    for (const stream of [false, true]) {
      const response = await inhouse.post('/v1/messages', { ...ask, stream })
      expect(await response.text()).toBe(error)
      expect(response.status).toBe(529)
      expect(response.headers.get('retry-after')).toBe('9')
    }
  })

  test('tokens are counted', async () => {
    await using model = await FakeModel.start(() => ({ chunks: ['{"input_tokens": 14}'] }))
    await using inhouse = await withBackend('anthropic', model.url)
    const body = '{"model":"m","messages":[{"role":"user","content":"hi"}]}'
    const response = await inhouse.post('/v1/messages/count_tokens', body)
    expect(await response.text()).toBe('{"input_tokens": 14}')
    const { path, body: bytes } = await model.request(0)
    expect([path, new TextDecoder().decode(bytes)]).toEqual(['/v1/messages/count_tokens', body])
  })
})

/** What Claude Code 2.1 sends to a model that it does not know, made short. */
const claudeCode = {
  model: 'm',
  max_tokens: 32000,
  stream: true,
  system: [
    { type: 'text', text: 'You are Claude Code.', cache_control: { type: 'ephemeral' } },
    { type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral', ttl: '1h' } },
  ],
  messages: [
    { role: 'user', content: [{ type: 'text', text: 'List.', cache_control: { type: 'ephemeral' } }] },
    {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'ls it is', signature: '' },
        { type: 'tool_use', id: 't1', name: 'Bash', input: { command: 'ls' } },
      ],
    },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't1', content: 'a.txt' }] },
    { role: 'system', content: 'The date changed.' },
  ],
  tools: [
    {
      name: 'Bash',
      description: 'Runs',
      input_schema: { type: 'object' },
      strict: true,
      defer_loading: true,
    },
  ],
  thinking: { type: 'adaptive' },
  output_config: { effort: 'medium' },
  context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] },
  metadata: { user_id: 'u' },
}

describe('to an OpenAI backend and back', () => {
  test('what Claude Code sends is answered; what has no counterpart is named', async () => {
    await using model = await FakeModel.start()
    await using inhouse = await withBackend('openai-compatible', `${model.url}/v1`)
    const response = await inhouse.post('/v1/messages?beta=true', claudeCode, {
      headers: { 'anthropic-beta': 'claude-code-20250219,context-management-2025-06-27' },
    })
    expect(response.status).toBe(200)
    expect(response.headers.get('x-inhouse-warning')?.split('; ').toSorted()).toEqual([
      'context_management',
      'reasoning',
    ])
    const types = (await response.text()).split('\n').filter((line) => line.startsWith('event: '))
    expect(types.map((line) => line.slice(7))).toEqual([
      'message_start',
      'content_block_start',
      ...Array.from({ length: 3 }, () => 'content_block_delta'),
      'content_block_stop',
      'message_delta',
      'message_stop',
    ])
    const sent = await model.request(0)
    expect(sent.headers).not.toHaveProperty('anthropic-beta')
    expect(sent.json()).toMatchObject({
      reasoning_effort: 'medium',
      messages: [
        { role: 'system', content: 'You are Claude Code.\n\nBe brief.' },
        { role: 'user', content: 'List.' },
        { role: 'assistant', content: null, tool_calls: [{ id: 't1', function: { name: 'Bash' } }] },
        { role: 'tool', tool_call_id: 't1', content: 'a.txt' },
        { role: 'user', content: '\n<system-reminder>\nThe date changed.\n</system-reminder>\n' },
      ],
    })
    expect(Object.keys(sent.json())).not.toContain('context_management')
  })

  test('a whole answer has the usage in Anthropic’s counting', async () => {
    const usage = { prompt_tokens: 30, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 20 } }
    const choices = [{ index: 0, message: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' }]
    await using model = await FakeModel.start(() => ({ chunks: [JSON.stringify({ choices, usage })] }))
    await using inhouse = await withBackend('openai-compatible', `${model.url}/v1`)
    const answer = (await (await inhouse.post('/v1/messages', ask)).json()) as object
    expect(answer).toMatchObject({
      type: 'message',
      content: [{ type: 'text', text: 'Hi' }],
      stop_reason: 'end_turn',
      usage: {
        input_tokens: 10,
        cache_read_input_tokens: 20,
        cache_creation_input_tokens: 0,
        output_tokens: 2,
      },
    })
  })

  test('a part that only Anthropic can read is refused, and says so in its shape', async () => {
    await using model = await FakeModel.start()
    await using inhouse = await withBackend('openai-compatible', `${model.url}/v1`)
    const pdf = { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'AA==' } }
    const messages = [{ role: 'user', content: [pdf] }]
    const response = await inhouse.post('/v1/messages', { ...ask, messages })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({
      type: 'error',
      error: { type: 'invalid_request_error', details: { error_code: 'unsupported', param: 'messages' } },
      request_id: response.headers.get('request-id'),
    })
  })

  test('a stream that breaks off ends with an error event', async () => {
    const chunk = { choices: [{ index: 0, delta: { content: 'Once' }, finish_reason: null }] }
    await using model = await FakeModel.start(() => ({ chunks: sse([chunk, chunk]) }))
    await using inhouse = await withBackend('openai-compatible', `${model.url}/v1`)
    const text = await (await inhouse.post('/v1/messages', { ...ask, stream: true })).text()
    expect(text.trimEnd().split('\n\n').at(-1)).toStartWith('event: error\ndata: {"type":"error"')
    expect(text).not.toContain('message_stop')
  })

  test('wrong keys, unknown models and unknown paths are refused in its shape', async () => {
    await using model = await FakeModel.start()
    await using inhouse = await withBackend('openai-compatible', `${model.url}/v1`)
    const typeOf = async (response: Response): Promise<unknown> =>
      ((await response.json()) as { error: { type: string } }).error.type
    const wrong = { headers: { authorization: 'Bearer ih-wrong' } }
    expect(await typeOf(await inhouse.post('/v1/messages', ask, wrong))).toBe('authentication_error')
    expect(await typeOf(await inhouse.post('/v1/messages', { ...ask, model: 'x' }))).toBe('not_found_error')
    expect(await (await inhouse.post('/v1/messages/batches', {})).json()).toMatchObject({ type: 'error' })
  })
})
