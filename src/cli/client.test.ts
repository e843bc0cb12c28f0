import { expect, test } from 'bun:test'

import { Failure } from '../core/failure.ts'
import { answers, reachedAt, startChat, type Piece } from './client.ts'

const serve = (reply: (request: Request) => Response): { readonly url: string } & AsyncDisposable => {
  const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: reply })
  return { url: `http://127.0.0.1:${server.port}`, [Symbol.asyncDispose]: () => server.stop(true) }
}
const stream = (text: string): Response =>
  new Response(text, { headers: { 'content-type': 'text/event-stream' } })
const ask = async (url: string): Promise<Piece[]> =>
  Array.fromAsync((await startChat({ url, key: 'k' }, { model: 'm', messages: [] })).pieces)
const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )

test('text, reasoning and usage come as they were streamed', async () => {
  await using server = serve(() =>
    stream(
      [
        ': heartbeat',
        'data: {"choices":[{"delta":{"reasoning_content":"hm"}}]}',
        'data: {"choices":[{"delta":{"content":"Bl"}}]}',
        'data: {"choices":[{"delta":{"content":"au"}}]}',
        'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}',
        'data: [DONE]',
        '',
      ].join('\n\n'),
    ),
  )
  expect(await ask(server.url)).toEqual([
    { type: 'reasoning', text: 'hm' },
    { type: 'text', text: 'Bl' },
    { type: 'text', text: 'au' },
    { type: 'usage', input: 3, output: 2 },
  ])
})

test('an answer that ends without its terminator is a failure, not a short answer', async () => {
  await using server = serve(() => stream('data: {"choices":[{"delta":{"content":"Bl"}}]}\n\n'))
  expect(await failureOf(ask(server.url))).toMatchObject({ code: 'upstream_cut' })
})

test('an error in the stream and one before it are told in our own words, the help only once', async () => {
  const error = {
    error: { code: 'engine_loading', message: 'Loading. The model is being loaded; ask again in a moment.' },
  }
  await using late = serve(() => stream(`data: ${JSON.stringify(error)}\n\n`))
  await using early = serve(() => Response.json(error, { status: 503 }))
  for (const { url } of [late, early]) {
    const failure = await failureOf(ask(url))
    expect(failure).toBeInstanceOf(Failure)
    expect(failure).toMatchObject({ code: 'engine_loading', message: 'Loading.' })
  }
})

test('what a backend said is told as the failure of that backend, in the stream and before it', async () => {
  const told = async (error: object, init?: ResponseInit): Promise<unknown> => {
    const text = JSON.stringify({ error: { message: 'Its words.', ...error } })
    await using server = serve(() =>
      init === undefined
        ? stream(`data: {"choices":[{"delta":{"content":"Bl"}}]}\n\ndata: ${text}\n\n`)
        : new Response(text, init),
    )
    const { code, message } = (await failureOf(ask(server.url))) as Failure
    return [code, message]
  }
  const asked = { 'x-inhouse-backend': 'cloud' }
  const limit = { type: 'rate_limit_error', code: 'rate_limit_exceeded' }
  expect(await told({ type: 'server_error' })).toEqual(['upstream_failed', 'Its words.'])
  expect(await told(limit)).toEqual(['upstream_rate_limited', 'Its words.'])
  expect(await told(limit, { status: 429, headers: asked })).toEqual(['upstream_rate_limited', 'Its words.'])
  expect(await told(limit, { status: 429 })).toEqual(['rate_limited', 'Its words.'])
  const missing = { code: 'model_not_found' }
  expect(await told(missing, { status: 404, headers: asked })).toEqual(['upstream_not_found', 'Its words.'])
})

test('a model that the server does not know is told with the one that was perhaps meant', async () => {
  await using server = serve(({ url }) =>
    url.endsWith('/v1/models')
      ? Response.json({ data: [{ id: 'small' }, { id: 'auto' }] })
      : Response.json({ error: { code: 'model_not_found', message: 'None.' } }, { status: 404 }),
  )
  const failure = await failureOf(startChat({ url: server.url, key: 'k' }, { model: 'smal', messages: [] }))
  expect(failure).toMatchObject({
    code: 'model_unknown',
    message: 'There is no model named smal; did you mean small?',
    help: 'The server has small, auto.',
  })
})

test('an unknown key is told as that', async () => {
  await using server = serve(() =>
    Response.json({ error: { code: 'invalid_api_key', message: 'No.' } }, { status: 401 }),
  )
  expect(await failureOf(ask(server.url))).toMatchObject({ code: 'key_unknown' })
})

test('nobody there is server_unreachable', async () => {
  expect(await failureOf(ask('http://127.0.0.1:9'))).toMatchObject({ code: 'server_unreachable' })
})

test('only an inhouse counts as a running server', async () => {
  await using ours = serve(() => Response.json({ status: 'ok', version: '1.0.0' }))
  await using other = serve(() => new Response('hello'))
  const found = [ours.url, other.url, 'http://127.0.0.1:9'].map((url) => answers({ url, key: undefined }))
  expect(await Promise.all(found)).toEqual([true, false, false])
})

test('a server on all addresses is reached at the loopback one', () => {
  expect(reachedAt('0.0.0.0', 1)).toBe('http://127.0.0.1:1')
  expect(reachedAt('::', 1)).toBe('http://[::1]:1')
  expect(reachedAt('10.0.0.5', 1)).toBe('http://10.0.0.5:1')
})
