import { describe, expect, test } from 'bun:test'
import { accumulateResponse } from 'openai/lib/responses/ResponseAccumulator'
import type { Response as OpenAiResponse, ResponseStreamEvent } from 'openai/resources/responses/responses'

import { splitAt } from './testing/fake-answers.ts'
import { FakeModel } from './testing/fake-model.ts'
import { eventFaults, faultsOf } from './testing/open-responses.ts'
import { startTestApp } from './testing/test-app.ts'

const folder = `${import.meta.dir}/../fixtures/streams`
const streams = [
  ['llama-server', 'chat', 'openai-compatible'],
  ['llama-server', 'chat-length', 'openai-compatible'],
  ['llama-server', 'chat-logprobs', 'openai-compatible'],
  ['llama-server', 'chat-schema', 'openai-compatible'],
  ['llama-server', 'chat-tools', 'openai-compatible'],
  ['openai', 'chat', 'openai-compatible'],
  ['openai', 'chat-tools', 'openai-compatible'],
  ['vllm', 'chat-reasoning', 'openai-compatible'],
  ['anthropic', 'tools', 'anthropic'],
] as const

const eventsOf = (text: string): ResponseStreamEvent[] =>
  text
    .split('\n\n')
    .flatMap((message) => /^data: (\{.*\})$/m.exec(message)?.[1] ?? [])
    .map((data) => JSON.parse(data) as ResponseStreamEvent)

const config = (kind: string, url: string): string =>
  `backends: { one: { kind: ${kind}, url: ${url}/v1, place: local, apiKey: k } }\nmodels: { m: { backend: one } }\n`

const ask = { model: 'm', input: 'hi', include: ['reasoning.encrypted_content'] }

describe.each(streams)('%s: %s', (vendor, name, kind) => {
  test('is a valid stream of responses wherever it is cut, and the same as the whole response', async () => {
    const bytes = await Bun.file(`${folder}/${vendor}/${name}.sse`).bytes()
    const step = Math.ceil(bytes.length / 40)
    await using model = await FakeModel.start((_request, number) => ({
      chunks: splitAt(
        bytes,
        [1 + number * step].filter((at) => at < bytes.length),
      ),
      headers: { 'content-type': 'text/event-stream' },
    }))
    await using inhouse = await startTestApp(config(kind, model.url))
    let last: OpenAiResponse | undefined
    for (let at = 1; at < bytes.length; at += step) {
      const response = await inhouse.post('/v1/responses', { ...ask, stream: true })
      const events = eventsOf(await response.text())
      expect(events.flatMap(eventFaults)).toEqual([])
      let snapshot: ReturnType<typeof accumulateResponse> | undefined
      for (const event of events) snapshot = accumulateResponse(event, snapshot)
      expect(['completed', 'incomplete']).toContain(String(snapshot?.status))
      const final = events.at(-1)
      if (final === undefined || !('response' in final)) throw new Error('The last event has no response.')
      const { id: _, ...rest } = final.response
      const output = JSON.parse(
        JSON.stringify(rest.output).replaceAll(/"(?:msg|fc|rs)_\w+"/g, '"id"'),
      ) as never
      if (last !== undefined) expect(output).toEqual(last.output as never)
      last = { ...final.response, output }
    }
    const whole = await inhouse.post('/v1/responses', ask)
    const body: unknown = await whole.json()
    expect(faultsOf('ResponseResource', body)).toEqual([])
    expect(body).toMatchObject({ status: String(last?.status), usage: last?.usage ?? null })
  })
})

test('a failure before the first event is an error of OpenAI’s shape, and one after it a failed response', async () => {
  await using model = await FakeModel.start(() => ({
    status: 429,
    chunks: ['{"error":{"message":"Slow down.","type":"rate_limit_error","code":"rate_limit_exceeded"}}'],
  }))
  await using inhouse = await startTestApp(config('openai-compatible', model.url))
  const refused = await inhouse.post('/v1/responses', { ...ask, stream: true })
  expect(refused.status).toBe(429)
  expect(await refused.json()).toMatchObject({ error: { code: 'rate_limit_exceeded' } })
  const delta =
    '{"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"Hi"}}]}'
  model.answer = () => ({ chunks: [`data: ${delta}\n\n`, 'data: {"choices'], cutAfter: delta.length + 20 })
  const cut = await inhouse.post('/v1/responses', { ...ask, stream: true })
  const events = eventsOf(await cut.text())
  expect(events.flatMap(eventFaults)).toEqual([])
  expect(events.at(-1)).toMatchObject({
    type: 'response.failed',
    response: { error: { code: 'upstream_cut' } },
  })
})

test('a request as Codex makes it reaches a chat model as functions, and their calls come back as its own tools', async () => {
  const call = (index: number, name: string, input: object) => ({
    index,
    id: `call_${index}`,
    type: 'function',
    function: { name, arguments: JSON.stringify(input) },
  })
  const calls = [
    call(0, 'apply_patch', { input: '*** Begin Patch' }),
    call(1, 'mcp__docs__search', { q: 'x' }),
  ]
  const chunk = (choice: object) =>
    `data: ${JSON.stringify({ id: 'x', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, ...choice }] })}\n\n`
  await using model = await FakeModel.start(() => ({
    chunks: [
      chunk({ delta: { tool_calls: calls } }),
      chunk({ delta: {}, finish_reason: 'tool_calls' }),
      'data: [DONE]\n\n',
    ],
  }))
  await using inhouse = await startTestApp(config('openai-compatible', model.url))
  const response = await inhouse.post('/v1/responses', {
    model: 'm',
    instructions: 'You are Codex.',
    input: [
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Do it.' }] },
      { type: 'function_call', call_id: 'c', name: 'shell', arguments: '{}' },
      { type: 'function_call_output', call_id: 'c', output: [{ type: 'input_text', text: 'ok' }] },
    ],
    tools: [
      {
        type: 'function',
        name: 'shell',
        description: 'Runs.',
        strict: false,
        parameters: { type: 'object' },
      },
      {
        type: 'custom',
        name: 'apply_patch',
        description: 'Patches.',
        format: { type: 'grammar', syntax: 'lark', definition: 'x' },
      },
      {
        type: 'namespace',
        name: 'mcp__docs',
        tools: [{ type: 'function', name: 'search', parameters: { type: 'object' } }],
      },
      { type: 'web_search' },
      { type: 'local_shell' },
    ],
    tool_choice: 'auto',
    parallel_tool_calls: false,
    reasoning: { effort: 'medium', summary: 'auto' },
    include: ['reasoning.encrypted_content'],
    store: false,
    stream: true,
    prompt_cache_key: 'k',
    client_metadata: { 'x-codex': '1' },
  })
  expect(response.headers.get('x-inhouse-warning')).toContain('tools[].web_search')
  const events = eventsOf(await response.text())
  expect(events.flatMap(eventFaults)).toEqual([])
  const done = events.flatMap((event) => (event.type === 'response.output_item.done' ? [event.item] : []))
  expect(done).toMatchObject([
    { type: 'custom_tool_call', name: 'apply_patch', input: '*** Begin Patch', call_id: 'call_0' },
    { type: 'function_call', name: 'search', namespace: 'mcp__docs', arguments: '{"q":"x"}' },
  ])
  const asked = model.received[0]?.json() as {
    messages: unknown[]
    tools: { function: { name: string } }[]
  }
  expect(asked.messages).toMatchObject([
    { role: 'system', content: 'You are Codex.' },
    { role: 'user', content: 'Do it.' },
    { role: 'assistant', tool_calls: [{ id: 'c', function: { name: 'shell' } }] },
    { role: 'tool', tool_call_id: 'c', content: 'ok' },
  ])
  expect(asked.tools.map((tool) => tool.function.name)).toEqual(['shell', 'apply_patch', 'mcp__docs__search'])
})
