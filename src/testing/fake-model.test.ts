import { expect, test } from 'bun:test'
import { connect } from 'node:net'

import { splitAt, sse } from './fake-answers.ts'
import { FakeModel } from './fake-model.ts'

const post = (url: string, body: object, signal?: AbortSignal): Promise<Response> =>
  fetch(url, { method: 'POST', body: JSON.stringify(body), ...(signal && { signal }) })

const fails = (promise: Promise<unknown>): Promise<boolean> =>
  promise.then(
    () => false,
    () => true,
  )

test('it answers in the dialect of the path, streamed or whole', async () => {
  await using model = await FakeModel.start()
  const options = { stream: true, stream_options: { include_usage: true } }
  const streamed = await post(`${model.url}/v1/chat/completions`, { model: 'm', ...options })
  expect(streamed.headers.get('content-type')).toBe('text/event-stream')
  const text = await streamed.text()
  expect(text).toEndWith('data: [DONE]\n\n')
  expect(text).toContain('"completion_tokens":3')
  const whole = await post(`${model.url}/v1/chat/completions`, { model: 'm' })
  expect(await whole.json()).toMatchObject({ choices: [{ message: { content: 'Hello there.' } }] })
  const claude = await post(`${model.url}/v1/messages`, { model: 'm', stream: true })
  expect(await claude.text()).toContain('event: message_stop')
  const vectors = await post(`${model.url}/v1/embeddings`, { input: ['a', 'b'], encoding_format: 'base64' })
  expect(await vectors.json()).toMatchObject({ data: [{ index: 0 }, { index: 1 }] })
  expect((await fetch(`${model.url}/health`)).status).toBe(200)
  expect(model.received.map(({ path }) => path)).toEqual([
    '/v1/chat/completions',
    '/v1/chat/completions',
    '/v1/messages',
    '/v1/embeddings',
    '/health',
  ])
  expect((await model.request(0)).json()).toEqual({ model: 'm', ...options })
  expect(await (await model.request(0)).ended).toMatchObject({ how: 'done' })
})

test('a status, headers and the number of the request are the script’s', async () => {
  await using model = await FakeModel.start((_request, number) => ({
    status: number === 0 ? 503 : 200,
    headers: { 'retry-after': '2' },
    chunks: ['{}'],
  }))
  const first = await post(model.url, {})
  expect([first.status, first.headers.get('retry-after')]).toEqual([503, '2'])
  expect((await post(model.url, {})).status).toBe(200)
})

test('a cut body is an error at the caller, streamed or whole', async () => {
  for (const chunks of [['{"a":', '1}'], ['{"a":1}']]) {
    await using model = await FakeModel.start(() => ({ chunks, cutAfter: 5 }))
    const reply = await post(model.url, {})
    expect(await fails(reply.text())).toBe(true)
    expect(await (await model.request(0)).ended).toMatchObject({ how: 'cut' })
  }
})

test('a connection that is closed without a byte is an error at the caller', async () => {
  await using model = await FakeModel.start(() => ({ instead: 'close' }))
  expect(await fails(post(model.url, {}))).toBe(true)
  expect(await (await model.request(0)).ended).toMatchObject({ how: 'cut' })
})

test('a caller that leaves is seen, before the answer and within it', async () => {
  await using model = await FakeModel.start((_request, number) =>
    number === 0
      ? { instead: 'silence' }
      : { chunks: sse(Array.from({ length: 1000 }, () => 'a')), delayMs: 5 },
  )
  for (const number of [0, 1]) {
    const leave = new AbortController()
    const answer = post(model.url, {}, leave.signal).then((reply) => reply.text())
    const request = await model.request(number)
    leave.abort()
    expect(await fails(answer)).toBe(true)
    expect(await request.ended).toMatchObject({ how: 'left' })
  }
})

test('bytes come split where the test says', async () => {
  const bytes = new TextEncoder().encode('data: ü\n\n')
  const pieces = splitAt(bytes, [3, 7])
  expect(pieces.map((piece) => piece.length)).toEqual([3, 4, 3])
  await using model = await FakeModel.start(() => ({ chunks: pieces }))
  expect(await (await post(model.url, {})).text()).toBe('data: ü\n\n')
})

test('a body that comes in chunks is read whole, and the connection stays open', async () => {
  await using model = await FakeModel.start(() => ({ chunks: ['{}'] }))
  const { port } = new URL(model.url)
  const socket = connect(Number(port), '127.0.0.1')
  const head = 'POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n'
  socket.write(`${head}3\r\n{"a\r\n3\r\n":1\r\n1\r\n}\r\n0\r\n\r\n${head}2\r\n{}\r\n0\r\n\r\n`)
  expect((await model.request(0)).json()).toEqual({ a: 1 })
  expect((await model.request(1)).json()).toEqual({})
  expect(model.connections).toBe(1)
  socket.destroy()
})
