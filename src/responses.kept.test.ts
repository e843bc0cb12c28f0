import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createOpenAI } from '@ai-sdk/openai'
import { generateText, type ModelMessage } from 'ai'
import { APIError, OpenAI } from 'openai'
import type { ResponseStreamEvent } from 'openai/resources/responses/responses'

import { fakeAnswer, splitAt, sse } from './testing/fake-answers.ts'
import { FakeModel, type Received, type Script } from './testing/fake-model.ts'
import { faultsOf } from './testing/open-responses.ts'
import { serveProcess, type Served } from './testing/served.ts'
import { startTestApp, type TestApp } from './testing/test-app.ts'

/** Kept responses, through the `openai` package, with a scripted backend that speaks another dialect. */
let model: FakeModel
let inhouse: TestApp
let openai: OpenAI

const config = (url: string, more = ''): string =>
  `backends: { one: { kind: openai-compatible, url: ${url}/v1, place: local } }\nmodels: { m: { backend: one } }\n${more}`

const clientOf = ({ app, key }: TestApp): OpenAI =>
  new OpenAI({ baseURL: `${app.url}/v1`, apiKey: key, maxRetries: 0 })

beforeAll(async () => {
  model = await FakeModel.start()
  inhouse = await startTestApp(config(model.url))
  openai = clientOf(inhouse)
})

beforeEach(() => {
  model.answer = fakeAnswer
})

afterAll(async () => {
  await inhouse[Symbol.asyncDispose]()
  await model[Symbol.asyncDispose]()
})

/** What the model was asked last, role by role. */
function lastAsked(): unknown[] {
  const { messages } = model.received.at(-1)?.json() ?? {}
  return (messages as { role: string; content: unknown }[]).map(({ role, content }) => [role, content])
}

const says =
  (...texts: string[]) =>
  (request: Received, number: number): Script =>
    fakeAnswer(request, number, texts)

const failing = async (call: PromiseLike<unknown>): Promise<APIError> => {
  const thrown: unknown = await call.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!(thrown instanceof APIError)) throw new Error('It did not fail.', { cause: thrown })
  return thrown
}

/** Whatever a client can do with a kept response. */
const waysTo = (id: string, client: OpenAI): (() => PromiseLike<unknown>)[] => [
  () => client.responses.retrieve(id),
  () => client.responses.delete(id),
  () => client.responses.cancel(id),
  () => client.responses.inputItems.list(id),
]

async function collect(stream: AsyncIterable<ResponseStreamEvent>): Promise<ResponseStreamEvent[]> {
  return Array.fromAsync(stream)
}

describe('a kept response', () => {
  test('is found again as it was answered, whole and streamed', async () => {
    const whole = await openai.responses.create({ model: 'm', input: 'hi' })
    expect(await openai.responses.retrieve(whole.id)).toEqual(whole)
    const stream = openai.responses.stream({ model: 'm', input: 'hi' })
    const streamed = await stream.finalResponse()
    const { output_text: text, status, output } = await openai.responses.retrieve(streamed.id)
    expect({ text, status, output }).toMatchObject({ text: 'Hello there.', status: 'completed' })
    expect(output.length).toBe(1)
    const raw: unknown = await (
      await fetch(`${inhouse.app.url}/v1/responses/${streamed.id}`, {
        headers: { authorization: `Bearer ${inhouse.key}` },
      })
    ).json()
    expect(faultsOf('ResponseResource', raw)).toEqual([])
  })

  test('is what the next turn goes on from, turn after turn, without its instructions', async () => {
    model.answer = says('Ada.')
    const one = await openai.responses.create({
      model: 'm',
      instructions: 'Be brief.',
      input: 'My name is Ada.',
    })
    const two = await openai.responses.create({
      model: 'm',
      input: 'Who am I?',
      previous_response_id: one.id,
    })
    expect(two.previous_response_id).toBe(one.id)
    expect(lastAsked()).toEqual([
      ['user', 'My name is Ada.'],
      ['assistant', 'Ada.'],
      ['user', 'Who am I?'],
    ])
    await openai.responses.delete(one.id)
    const stream = openai.responses.stream({
      model: 'm',
      instructions: 'Shout.',
      input: [{ role: 'user', content: 'Again.' }],
      previous_response_id: two.id,
    })
    const three = await stream.finalResponse()
    expect(three.previous_response_id).toBe(two.id)
    expect(lastAsked().map((turn) => (turn as string[])[0])).toEqual([
      'system',
      'user',
      'assistant',
      'user',
      'assistant',
      'user',
    ])
  })

  test('is gone when it is deleted', async () => {
    const { id } = await openai.responses.create({ model: 'm', input: 'hi' })
    await openai.responses.delete(id)
    for (const call of waysTo(id, openai))
      expect(await failing(call())).toMatchObject({ status: 404, code: 'response_unknown' })
    const next = openai.responses.create({ model: 'm', input: 'hi', previous_response_id: id })
    expect(await failing(next)).toMatchObject({
      status: 400,
      code: 'previous_response_not_found',
      param: 'previous_response_id',
    })
  })

  test('is not there for another key, in any way', async () => {
    const made = await openai.responses.create({ model: 'm', input: 'hi' })
    const item = made.output[0]?.id ?? ''
    const other = await secondKey(inhouse)
    for (const call of waysTo(made.id, other)) expect(await failing(call())).toMatchObject({ status: 404 })
    const next = other.responses.create({ model: 'm', input: 'hi', previous_response_id: made.id })
    expect(await failing(next)).toMatchObject({ code: 'previous_response_not_found' })
    const reference = other.responses.create({ model: 'm', input: [{ type: 'item_reference', id: item }] })
    expect(await failing(reference)).toMatchObject({ status: 400 })
    expect((await openai.responses.retrieve(made.id)).id).toBe(made.id)
  })

  test('is not there with `store: false`', async () => {
    const { id } = await openai.responses.create({ model: 'm', input: 'hi', store: false })
    expect(await failing(openai.responses.retrieve(id))).toMatchObject({ status: 404 })
  })

  test('is found by the items of its answer too, in their place', async () => {
    model.answer = says('Four.')
    const one = await openai.responses.create({ model: 'm', input: '2 + 2?' })
    await openai.responses.create({
      model: 'm',
      input: [
        { role: 'user', content: '2 + 2?' },
        { type: 'item_reference', id: one.output[0]?.id ?? '' },
        { role: 'user', content: 'Sure?' },
      ],
    })
    expect(lastAsked()).toEqual([
      ['user', '2 + 2?'],
      ['assistant', 'Four.'],
      ['user', 'Sure?'],
    ])
  })

  test('of a call that failed before the first event is nowhere', async () => {
    model.answer = () => ({ status: 429, chunks: ['{"error":{"message":"Slow down."}}'] })
    expect(await failing(openai.responses.create({ model: 'm', input: 'hi' }))).toMatchObject({ status: 429 })
  })
})

test('the items that led to a response come page by page, newest first if not asked otherwise', async () => {
  const input = ['a', 'b', 'c', 'd', 'e'].map((content) => ({ role: 'user' as const, content }))
  const { id } = await openai.responses.create({ model: 'm', input })
  const textOf = (item: object): string => (item as { content: { text: string }[] }).content[0]?.text ?? ''
  const page = await openai.responses.inputItems.list(id, { limit: 2 })
  expect(page.data.map(textOf)).toEqual(['e', 'd'])
  const raw = await fetch(`${inhouse.app.url}/v1/responses/${id}/input_items?limit=2`, {
    headers: { authorization: `Bearer ${inhouse.key}` },
  })
  expect(await raw.json()).toEqual({
    object: 'list',
    data: page.data,
    first_id: page.data[0]?.id,
    last_id: page.data[1]?.id,
    has_more: true,
  } as never)
  const all = await Array.fromAsync(openai.responses.inputItems.list(id, { limit: 2, order: 'asc' }))
  expect(all.map(textOf)).toEqual(['a', 'b', 'c', 'd', 'e'])
  expect(all.flatMap((item) => faultsOf('ItemField', item))).toEqual([])
  expect(new Set(all.map((item) => item.id)).size).toBe(5)
  for (const query of [{ limit: 0 }, { limit: 101 }, { after: 'none' }, { order: 'up' }])
    expect(await failing(openai.responses.inputItems.list(id, query as { limit: number }))).toMatchObject({
      status: 400,
    })
})

async function secondKey({ home, app }: TestApp): Promise<OpenAI> {
  const command = [
    process.execPath,
    `${import.meta.dir}/main.ts`,
    'keys',
    'create',
    '--name',
    crypto.randomUUID(),
  ]
  const child = Bun.spawn([...command, '--home', home, '--json'], { stdout: 'pipe', stderr: 'inherit' })
  const { key } = (await new Response(child.stdout).json()) as { key: string }
  return new OpenAI({ baseURL: `${app.url}/v1`, apiKey: key, maxRetries: 0 })
}

test('whoever has seen the last event finds the response kept', async () => {
  for (let round = 0; round < 20; round++) {
    const stream = await openai.responses.create({ model: 'm', input: 'hi', stream: true })
    for await (const event of stream) {
      if (event.type !== 'response.completed') continue
      expect((await openai.responses.retrieve(event.response.id)).status).toBe('completed')
    }
  }
})

test('a client of the AI SDK goes on with references to what was kept, tools and all', async () => {
  const provider = createOpenAI({ baseURL: `${inhouse.app.url}/v1`, apiKey: inhouse.key })
  const messages: ModelMessage[] = [{ role: 'user', content: 'One?' }]
  model.answer = says('One.')
  const first = await generateText({ model: provider.responses('m'), messages })
  messages.push(...first.response.messages, { role: 'user', content: 'Two?' })
  await generateText({ model: provider.responses('m'), messages })
  expect(JSON.stringify(model.received.at(-1)?.json())).not.toContain('item_reference')
  expect(lastAsked()).toEqual([
    ['user', 'One?'],
    ['assistant', 'One.'],
    ['user', 'Two?'],
  ])
})

describe('a long answer', () => {
  const long = 'long '.repeat(200_000)

  test('is answered and kept, whole and streamed, and gone on from', async () => {
    model.answer = says(long)
    const whole = await openai.responses.create({ model: 'm', input: 'hi' })
    const streamed = await openai.responses.stream({ model: 'm', input: 'hi' }).finalResponse()
    for (const { id, output_text: text } of [whole, streamed]) {
      expect(text === long).toBe(true)
      expect((await openai.responses.retrieve(id)).output_text === long).toBe(true)
      model.answer = says('Yes.')
      await openai.responses.create({ model: 'm', input: 'more', previous_response_id: id })
      expect(lastAsked()).toEqual([
        ['user', 'hi'],
        ['assistant', long],
        ['user', 'more'],
      ])
    }
  })

  test('is made in the background, and its items are found again', async () => {
    model.answer = says(long)
    const input = [{ role: 'user' as const, content: long }]
    const events = await collect(
      await openai.responses.create({ model: 'm', input, background: true, stream: true }),
    )
    const last = events.at(-1)
    if (last?.type !== 'response.completed') throw new Error('It was not completed.')
    const { output } = await openai.responses.retrieve(last.response.id)
    expect(JSON.stringify(output).includes(long)).toBe(true)
    const { data } = await openai.responses.inputItems.list(last.response.id)
    expect(JSON.stringify(data).includes(long)).toBe(true)
    const reference = { type: 'item_reference' as const, id: output[0]?.id ?? '' }
    await openai.responses.create({ model: 'm', input: [...input, reference] })
    expect(lastAsked()).toEqual([
      ['user', long],
      ['assistant', long],
    ])
  })
})

test('a conversation grows no larger than a request may be', async () => {
  await using app = await startTestApp(config(model.url, 'server: { maxBodyBytes: 1000000 }\n'))
  const client = clientOf(app)
  const input = 'w'.repeat(600_000)
  const { id } = await client.responses.create({ model: 'm', input })
  const more = { model: 'm', input, previous_response_id: id }
  for (const call of [
    () => client.responses.create(more),
    () => client.responses.compact(more),
    () => client.responses.inputTokens.count(more),
  ])
    expect(await failing(call())).toMatchObject({ status: 413, param: 'input' })
  await client.responses.create({ ...more, input: 'short' })
})

test('no thought of the model stands in the summary of a conversation', async () => {
  model.answer = (request) => {
    const pieces = [{ reasoning_content: 'Secret thoughts.' }, { content: 'The summary.' }]
    if (request.json()['stream'] !== true)
      return {
        chunks: [
          JSON.stringify({
            id: 'c',
            choices: [{ index: 0, message: Object.assign({}, ...pieces) as object, finish_reason: 'stop' }],
          }),
        ],
      }
    const chunk = (delta: object, reason: string | null): object => ({
      id: 'c',
      choices: [{ index: 0, delta, finish_reason: reason }],
    })
    return { chunks: sse([...pieces.map((piece) => chunk(piece, null)), chunk({}, 'stop'), '[DONE]']) }
  }
  const { output } = await openai.responses.compact({ model: 'm', input: 'hi' })
  await openai.responses.create({ model: 'm', input: output as never })
  expect(JSON.stringify(lastAsked())).toContain('The summary.')
  expect(JSON.stringify(lastAsked())).not.toContain('Secret')
})

describe('with a backend of the same dialect', () => {
  const ids = { id: 'resp_vendor', object: 'response', created_at: 1, model: 'm' }
  const message = {
    id: 'msg_vendor',
    type: 'message',
    status: 'completed',
    role: 'assistant',
    content: [{ type: 'output_text', text: 'It says "response.completed".', annotations: [] }],
  }
  const done = { ...ids, status: 'completed', output: [message], store: false, previous_response_id: null }
  const stream = [
    { type: 'response.created', sequence_number: 0, response: { ...ids, status: 'in_progress', output: [] } },
    {
      type: 'response.output_text.delta',
      sequence_number: 1,
      item_id: 'msg_vendor',
      delta: '"response.completed"',
    },
    { type: 'response.output_item.done', sequence_number: 2, output_index: 0, item: message },
    { type: 'response.completed', sequence_number: 3, response: done },
  ]
    .map((event) => `event: ${event.type}\ndata:  ${JSON.stringify(event)}\n\n`)
    .join('')
  const sameConfig = (url: string): string =>
    config(url).replace('place: local', 'place: local, api: responses')

  test('an answer that is long, or cannot be read, or cannot be kept, reaches its client', async () => {
    const large = {
      ...message,
      content: [{ type: 'output_text', text: 'x'.repeat(1_000_000), annotations: [] }],
    }
    const bodies = [
      { ...done, output: [large] },
      { ...done, id: Array.from({ length: 70_000 }, () => 1) },
    ].map((response) => JSON.stringify(response))
    await using vendor = await FakeModel.start()
    for (const more of ['', 'responses: { maxBytes: 100 }\n']) {
      await using app = await startTestApp(sameConfig(vendor.url) + more)
      for (const body of bodies) {
        vendor.answer = () => ({ chunks: [body] })
        const whole = await app.post('/v1/responses', { model: 'm', input: 'hi' })
        expect([whole.status, (await whole.text()) === body]).toEqual([200, true])
        const last = `{"type":"response.completed","sequence_number":3,"response":${body}}`
        const long = stream.replace(/data: {2}\{"type":"response.completed".*/, () => `data: ${last}`)
        vendor.answer = () => ({ chunks: [long.slice(0, 9), long.slice(9)] })
        const streamed = await app.post('/v1/responses', { model: 'm', input: 'hi', stream: true })
        expect((await streamed.text()) === long).toBe(true)
        if (body === bodies[0] && more === '')
          expect((await clientOf(app).responses.retrieve('resp_vendor')).output).toEqual([large] as never)
      }
    }
  })

  test('a stream is handed on byte for byte wherever it is cut, and its response is kept', async () => {
    const bytes = new TextEncoder().encode(stream)
    await using vendor = await FakeModel.start()
    await using app = await startTestApp(sameConfig(vendor.url))
    const client = clientOf(app)
    for (let at = 1; at < bytes.length; at += 7) {
      vendor.answer = () => ({ chunks: splitAt(bytes, [at]) })
      const answer = await app.post('/v1/responses', { model: 'm', input: `ask ${at}`, stream: true })
      expect(await answer.text()).toBe(stream)
      expect((await client.responses.retrieve('resp_vendor')).output).toEqual([message] as never)
      const { data } = await client.responses.inputItems.list('resp_vendor')
      expect(JSON.stringify(data)).toContain(`ask ${at}`)
      await client.responses.delete('resp_vendor')
    }
  })

  test('the vendor is told to keep nothing and sent the whole conversation, and we keep what was asked for', async () => {
    await using vendor = await FakeModel.start(() => ({ chunks: [JSON.stringify(done)] }))
    await using app = await startTestApp(sameConfig(vendor.url))
    const client = clientOf(app)
    const large = '{"model":"m","input":[{"role":"user","content":"hi","n":12345678901234567890}]}'
    const one = (await (await app.post('/v1/responses', large)).json()) as { id: string }
    await client.responses.create({ model: 'm', input: 'more', previous_response_id: one.id })
    const asked = vendor.received.map((request) => new TextDecoder().decode(request.body))
    expect(asked[1]).toContain('12345678901234567890')
    const sent = vendor.received[1]?.json()
    expect(sent).toMatchObject({ store: false, input: [{ content: 'hi' }, message, { role: 'user' }] })
    expect(sent).not.toHaveProperty('previous_response_id')
    expect(await client.responses.retrieve('resp_vendor')).toMatchObject({
      store: true,
      previous_response_id: one.id,
    })
  })

  test('a response in the background has one id from its first to its last word', async () => {
    await using vendor = await FakeModel.start(() => ({
      chunks: splitAt(new TextEncoder().encode(stream), [9]),
    }))
    await using app = await startTestApp(sameConfig(vendor.url))
    const client = clientOf(app)
    const events = await collect(
      await client.responses.create({ model: 'm', input: 'hi', background: true, stream: true }),
    )
    const shown = events.flatMap((event) => ('response' in event ? [event.response] : []))
    expect(new Set(shown.map(({ id }) => id)).size).toBe(1)
    expect(await client.responses.retrieve(shown[0]?.id ?? '')).toMatchObject({
      status: 'completed',
      store: true,
      background: true,
    })
  })
})

test('what is counted is the whole conversation', async () => {
  await using vendor = await FakeModel.start((request) =>
    request.path.includes('input_tokens')
      ? { chunks: ['{"object":"response.input_tokens","input_tokens":9}'] }
      : fakeAnswer(request),
  )
  await using app = await startTestApp(
    `backends: { one: { kind: openai-compatible, preset: openai, apiKey: k, url: ${vendor.url}/v1, place: local, api: chat } }\nmodels: { m: { backend: one } }\n`,
  )
  const client = clientOf(app)
  const { id } = await client.responses.create({ model: 'm', input: 'hi' })
  const counted = await client.responses.inputTokens.count({
    model: 'm',
    input: 'more',
    previous_response_id: id,
  })
  expect(counted.input_tokens).toBe(9)
  const sent = JSON.stringify(vendor.received.at(-1)?.json())
  for (const words of ['hi', 'Hello there.', 'more']) expect(sent).toContain(words)
})

describe('in the background', () => {
  test('a response goes on without its client, and is found when it is complete', async () => {
    const gate = Promise.withResolvers<void>()
    model.answer = (request, number) => ({ ...fakeAnswer(request, number), until: gate.promise })
    const queued = await openai.responses.create({ model: 'm', input: 'hi', background: true })
    expect(faultsOf('ResponseResource', queued)).toEqual([])
    expect(queued).toMatchObject({ status: 'queued', background: true, output: [] })
    expect(['queued', 'in_progress']).toContain(String((await openai.responses.retrieve(queued.id)).status))
    gate.resolve()
    let now = queued
    while (now.status === 'queued' || now.status === 'in_progress')
      now = await openai.responses.retrieve(queued.id)
    expect(now).toMatchObject({
      id: queued.id,
      status: 'completed',
      output_text: 'Hello there.',
      background: true,
    })
    expect(await openai.responses.cancel(queued.id)).toMatchObject({ status: 'completed' })
  })

  test('a stream that broke off is taken up behind any event, while it runs and after', async () => {
    const gate = Promise.withResolvers<void>()
    model.answer = (request, number) => ({ ...fakeAnswer(request, number), until: gate.promise })
    const stream = await openai.responses.create({ model: 'm', input: 'hi', background: true, stream: true })
    const seen: ResponseStreamEvent[] = []
    for await (const event of stream) {
      seen.push(event)
      if (event.type === 'response.output_text.delta') break
    }
    const first = seen[0]
    if (first?.type !== 'response.created') throw new Error('It did not begin.')
    const after = seen.at(-1)?.sequence_number ?? 0
    const running = await openai.responses.retrieve(first.response.id, {
      stream: true,
      starting_after: after,
    })
    gate.resolve()
    const rest = await collect(running)
    expect([...seen, ...rest].map((event) => event.sequence_number)).toEqual(
      Array.from({ length: seen.length + rest.length }, (_, at) => at),
    )
    expect(rest.at(-1)).toMatchObject({ type: 'response.completed', response: { id: first.response.id } })
    expect(await collect(await openai.responses.retrieve(first.response.id, { stream: true }))).toEqual([
      ...seen,
      ...rest,
    ])
  })

  test('a stream that its client leaves goes on, where one in the foreground ends', async () => {
    const gate = Promise.withResolvers<void>()
    model.answer = (request, number) => ({ ...fakeAnswer(request, number), until: gate.promise })
    const leave = async (background: boolean): Promise<string> => {
      const stream = await openai.responses.create({ model: 'm', input: 'hi', background, stream: true })
      for await (const event of stream) if (event.type === 'response.created') return event.response.id
      throw new Error('It did not begin.')
    }
    const background = await leave(true)
    const number = model.received.length
    await leave(false)
    // Whoever left before this one has been noticed too.
    expect((await model.received[number]?.ended)?.how).toBe('left')
    expect(await openai.responses.retrieve(background)).toMatchObject({ status: 'in_progress' })
    gate.resolve()
    const rest = await collect(await openai.responses.retrieve(background, { stream: true }))
    expect(rest.at(-1)?.type).toBe('response.completed')
  })

  test('a response that is cancelled stops its upstream, and stays cancelled', async () => {
    model.answer = (request, number) => ({
      ...fakeAnswer(request, number),
      until: new Promise(() => undefined),
    })
    const { id } = await openai.responses.create({ model: 'm', input: 'hi', background: true })
    const upstream = model.received.at(-1)
    expect(await openai.responses.cancel(id)).toMatchObject({ id, status: 'cancelled' })
    expect((await upstream?.ended)?.how).toBe('left')
    expect(await openai.responses.retrieve(id)).toMatchObject({ status: 'cancelled' })
    expect(await openai.responses.cancel(id)).toMatchObject({ status: 'cancelled' })
  })

  test('a response that fails on its way is found as failed, with its reason', async () => {
    model.answer = (request, number) => ({ ...fakeAnswer(request, number), cutAfter: 400 })
    const { id } = await openai.responses.create({ model: 'm', input: 'hi', background: true })
    let now = await openai.responses.retrieve(id)
    while (now.status === 'queued' || now.status === 'in_progress') now = await openai.responses.retrieve(id)
    expect(now).toMatchObject({ status: 'failed', error: { code: 'upstream_cut' } })
  })

  test('what cannot be kept is refused, and what did not run there cannot be cancelled', async () => {
    const unkept = openai.responses.create({ model: 'm', input: 'hi', background: true, store: false })
    expect(await failing(unkept)).toMatchObject({ status: 400, param: 'background' })
    const { id } = await openai.responses.create({ model: 'm', input: 'hi' })
    expect(await failing(openai.responses.cancel(id))).toMatchObject({ status: 400 })
    expect(await failing(openai.responses.retrieve(id, { stream: true }))).toMatchObject({ status: 400 })
  })
})

test('after kill -9 what was answered is there, and what ran in the background is told to have failed', async () => {
  const home = await mkdtemp(join(tmpdir(), 'inhouse-kill-'))
  await Bun.write(join(home, 'inhouse.yaml'), `${config(model.url)}log: { level: silent }\n`)
  const client = ({ url, key }: Served): OpenAI =>
    new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 })
  const first = await serveProcess({ home })
  const before = client(first)
  const whole = await before.responses.create({ model: 'm', input: 'One.' })
  let streamed = ''
  for await (const event of await before.responses.create({ model: 'm', input: 'hi', stream: true })) {
    if (event.type === 'response.completed') streamed = event.response.id
  }
  model.answer = (request, number) => ({
    ...fakeAnswer(request, number),
    until: new Promise(() => undefined),
  })
  const running = await before.responses.create({ model: 'm', input: 'hi', background: true })
  first.process.kill('SIGKILL')
  await first.process.exited
  {
    await using second = await serveProcess({ home })
    const after = client(second)
    model.answer = fakeAnswer
    expect(await after.responses.retrieve(whole.id)).toEqual(whole)
    expect((await after.responses.retrieve(streamed)).output_text).toBe('Hello there.')
    await after.responses.create({ model: 'm', input: 'Two.', previous_response_id: whole.id })
    expect(lastAsked().length).toBe(3)
    expect(await after.responses.retrieve(running.id)).toMatchObject({ status: 'failed' })
    const events = await collect(await after.responses.retrieve(running.id, { stream: true }))
    expect(events.map(({ type }) => type)).toEqual(['response.failed'])
    await after.responses.delete(running.id)
  }
  await rm(home, { recursive: true })
}, 60_000)

test('a server that stops lets what runs in the background end, and keeps it', async () => {
  const home = await mkdtemp(join(tmpdir(), 'inhouse-stop-'))
  await Bun.write(join(home, 'inhouse.yaml'), `${config(model.url)}log: { level: silent }\n`)
  model.answer = (request, number) => ({ ...fakeAnswer(request, number), delayMs: 100 })
  let id = ''
  {
    await using first = await serveProcess({ home })
    const client = new OpenAI({ baseURL: `${first.url}/v1`, apiKey: first.key })
    id = (await client.responses.create({ model: 'm', input: 'hi', background: true })).id
  }
  {
    await using second = await serveProcess({ home })
    const client = new OpenAI({ baseURL: `${second.url}/v1`, apiKey: second.key })
    expect(await client.responses.retrieve(id)).toMatchObject({ status: 'completed' })
  }
  await rm(home, { recursive: true })
}, 60_000)

test('a conversation is compacted to its user’s words and a summary that only its key can use', async () => {
  const before = await openai.responses.create({ model: 'm', input: 'My cat is Tom.' })
  model.answer = says('The user has a cat, Tom.')
  const compacted = await openai.responses.compact({
    model: 'm',
    previous_response_id: before.id,
    input: 'And a dog.',
  })
  expect(faultsOf('CompactResource', compacted)).toEqual([])
  expect(JSON.stringify(lastAsked())).toContain('[assistant] Hello there.')
  expect(compacted.output.map((item) => item.type)).toEqual(['message', 'message', 'compaction'])
  expect(JSON.stringify(compacted)).not.toContain('The user has')
  const input = [...compacted.output, { role: 'user', content: 'Who is Tom?' }] as never
  await openai.responses.create({ model: 'm', input })
  expect(JSON.stringify(lastAsked())).toContain('The user has a cat, Tom.')
  const other = await secondKey(inhouse)
  expect(await failing(other.responses.create({ model: 'm', input }))).toMatchObject({
    status: 400,
    param: 'input',
  })
})

test('where responses are not kept, `store: true` is a warning and going on from one a clear error', async () => {
  await using off = await startTestApp(config(model.url, 'responses: { store: false }\n'))
  const client = clientOf(off)
  const { data, response } = await client.responses
    .create({ model: 'm', input: 'hi', store: true })
    .withResponse()
  expect(response.headers.get('x-inhouse-warning')).toContain('store')
  expect(data).toMatchObject({ store: false })
  const silent = await client.responses.create({ model: 'm', input: 'hi' }).withResponse()
  expect(silent.response.headers.get('x-inhouse-warning')).toBeNull()
  expect(await failing(client.responses.retrieve(data.id))).toMatchObject({ status: 404 })
  const next = await failing(
    client.responses.create({ model: 'm', input: 'hi', previous_response_id: data.id }),
  )
  expect(next).toMatchObject({ status: 400, code: 'previous_response_not_found' })
  expect(next.message).toContain('responses.store')
})
