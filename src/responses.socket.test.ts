import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { OpenAI } from 'openai'
import { ResponsesWS } from 'openai/resources/responses/ws'

import { fakeAnswer } from './testing/fake-answers.ts'
import { FakeModel } from './testing/fake-model.ts'
import { eventFaults, faultsOf } from './testing/open-responses.ts'
import { startTestApp, type TestApp } from './testing/test-app.ts'

/** WebSocket mode of `/v1/responses`. */
let model: FakeModel
let inhouse: TestApp

beforeAll(async () => {
  model = await FakeModel.start()
  inhouse = await startTestApp(
    `backends: { one: { kind: openai-compatible, url: ${model.url}/v1, place: local } }\nmodels: { m: { backend: one } }\n`,
  )
})

beforeEach(() => {
  model.answer = fakeAnswer
})

afterAll(async () => {
  await inhouse[Symbol.asyncDispose]()
  await model[Symbol.asyncDispose]()
})

interface Event {
  readonly type: string
  readonly status?: number
  readonly error?: { readonly code: string; readonly message: string; readonly param?: string }
  readonly response?: { readonly id: string; readonly output: unknown[]; readonly status: string }
}

const isLast = ({ type }: Event): boolean => /^(error|response\.(completed|incomplete|failed))$/.test(type)

/** A connection that hands out what comes, turn by turn. */
class Connection implements Disposable {
  readonly socket: WebSocket
  readonly #events: Event[] = []
  #news = Promise.withResolvers<void>()

  constructor(path = '/v1/responses', key: string | undefined = inhouse.key, app: TestApp = inhouse) {
    const headers = { authorization: `Bearer ${key}` }
    this.socket = new WebSocket(app.app.url.replace('http', 'ws') + path, { headers })
    this.socket.addEventListener('message', ({ data }) => {
      this.#events.push(JSON.parse(String(data)) as Event)
      this.#news.resolve()
    })
  }

  get opened(): Promise<boolean> {
    return new Promise((resolve) => {
      this.socket.addEventListener('open', () => resolve(true))
      this.socket.addEventListener('close', () => resolve(false))
    })
  }

  create(fields: Record<string, unknown>): void {
    this.socket.send(JSON.stringify({ type: 'response.create', model: 'm', ...fields }))
  }

  /** The events of the next turn, its last included. */
  async turn(): Promise<Event[]> {
    for (;;) {
      const at = this.#events.findIndex(isLast)
      if (at !== -1) return this.#events.splice(0, at + 1)
      await this.#news.promise
      this.#news = Promise.withResolvers()
    }
  }

  async ask(fields: Record<string, unknown>): Promise<Event> {
    this.create(fields)
    const last = (await this.turn()).at(-1)
    if (last === undefined) throw new Error('There was no event.')
    return last
  }

  [Symbol.dispose](): void {
    this.socket.close()
  }
}

const connected = async (path?: string, key?: string): Promise<Connection> => {
  const connection = new Connection(path, key)
  expect(await connection.opened).toBe(true)
  return connection
}

const contentsOf = (messages: unknown): unknown[] =>
  (messages as { content: unknown }[]).map(({ content }) => content)

const lastAsked = (): unknown[] => contentsOf(model.received.at(-1)?.json()['messages'])

test('the openai package makes a response over it', async () => {
  const client = new OpenAI({ baseURL: `${inhouse.app.url}/v1`, apiKey: inhouse.key })
  const socket = new ResponsesWS(client)
  const texts: string[] = []
  const ended = new Promise<string>((resolve, reject) => {
    socket.on('error', reject)
    socket.on('response.output_text.delta', ({ delta }) => void texts.push(delta))
    socket.on('response.completed', ({ response }) => resolve(response.id))
  })
  socket.send({ type: 'response.create', model: 'm', input: 'hi' })
  const id = await ended
  socket.close()
  expect(texts.join('')).toBe('Hello there.')
  expect((await client.responses.retrieve(id)).output_text).toBe('Hello there.')
})

test('its events are those of a stream, each a message, and nothing else is sent', async () => {
  using connection = await connected()
  connection.create({ input: 'hi' })
  const events = await connection.turn()
  expect(events.flatMap(eventFaults)).toEqual([])
  expect(events[0]?.type).toBe('response.created')
  expect(events.at(-1)?.response).toMatchObject({ status: 'completed' })
})

describe('the last response', () => {
  test('is gone on from also where nothing is kept, and no other connection knows it', async () => {
    using connection = await connected()
    const one = await connection.ask({ input: 'One.', store: false })
    const two = await connection.ask({
      input: 'Two.',
      store: false,
      previous_response_id: one.response?.id,
    })
    expect(lastAsked()).toEqual(['One.', 'Hello there.', 'Two.'])
    const three = await connection.ask({
      input: 'Three.',
      store: false,
      previous_response_id: one.response?.id,
    })
    expect(three).toMatchObject({
      type: 'error',
      status: 400,
      error: { code: 'previous_response_not_found' },
    })
    using other = await connected()
    const four = await other.ask({ input: 'Four.', previous_response_id: two.response?.id })
    expect(four).toMatchObject({ error: { code: 'previous_response_not_found' } })
    expect(faultsOf('WebSocketErrorEvent', four)).toEqual([])
  })

  test('that is kept is gone on from on any connection of its key', async () => {
    using connection = await connected()
    const one = await connection.ask({ input: 'One.' })
    using other = await connected(`/k/${inhouse.key}/v1/responses`, 'none')
    await other.ask({ input: 'Two.', previous_response_id: one.response?.id })
    expect(lastAsked()).toEqual(['One.', 'Hello there.', 'Two.'])
  })

  test('is forgotten when a turn that goes on from it fails', async () => {
    using connection = await connected()
    const one = await connection.ask({ input: 'One.', store: false })
    const previous = { store: false, previous_response_id: one.response?.id }
    model.answer = () => ({ status: 400, chunks: ['{"error":{"message":"No.","type":"x","param":null}}'] })
    expect(await connection.ask({ input: 'Two.', ...previous })).toMatchObject({ type: 'error', status: 400 })
    expect(await connection.ask({ input: 'Two.', ...previous })).toMatchObject({
      error: { code: 'previous_response_not_found' },
    })
  })
})

test('what is sent ahead with `generate: false` asks no model, and a turn goes on from it', async () => {
  using connection = await connected()
  const asked = model.received.length
  const ahead = await connection.ask({ input: 'Context.', generate: false, store: false })
  expect(ahead.response).toMatchObject({ status: 'completed', output: [] })
  expect(model.received.length).toBe(asked)
  await connection.ask({ input: 'Now.', store: false, previous_response_id: ahead.response?.id })
  expect(lastAsked()).toEqual(['Context.', 'Now.'])
})

test('turns wait for each other, and one too many is refused', async () => {
  using connection = await connected()
  const gate = Promise.withResolvers<void>()
  model.answer = (request, number) => ({ ...fakeAnswer(request, number), until: gate.promise })
  const asked = model.received.length
  for (let at = 0; at < 18; at++) connection.create({ input: `turn ${at}`, store: false })
  expect((await connection.turn()).at(-1)).toMatchObject({ status: 429 })
  expect(model.received.length).toBeLessThanOrEqual(asked + 1)
  gate.resolve()
  for (let at = 0; at < 17; at++) {
    expect((await connection.turn()).at(-1)).toMatchObject({ type: 'response.completed' })
  }
  expect(model.received.slice(asked).map((request) => JSON.stringify(request.json()['messages']))).toEqual(
    Array.from({ length: 17 }, (_, at) => JSON.stringify([{ role: 'user', content: `turn ${at}` }])),
  )
})

test('a long answer comes whole, is kept, and is gone on from', async () => {
  using connection = await connected()
  const long = 'long '.repeat(200_000)
  model.answer = (request, number) => fakeAnswer(request, number, [long])
  const one = await connection.ask({ input: 'One.' })
  expect(JSON.stringify(one.response?.output).includes(long)).toBe(true)
  for (const store of [true, false]) {
    const next = await connection.ask({ input: 'Two.', store, previous_response_id: one.response?.id })
    expect(next.type).toBe('response.completed')
    expect(lastAsked()).toEqual(['One.', long, 'Two.'])
  }
})

test('a turn that is over leaves nothing behind on its connection', async () => {
  using connection = await connected()
  const held = (): number => {
    Bun.gc(true)
    return process.memoryUsage().external
  }
  const before = held()
  const bytes = 2_000_000
  const turns = 10
  for (let turn = 0; turn < turns; turn++) await connection.ask({ input: 'x'.repeat(bytes), store: false })
  // The model that is asked here has what it received; the turns themselves would have twice that and more.
  expect(held() - before).toBeLessThan(3 * bytes * turns)
})

test('messages that are none are told so, and the connection goes on', async () => {
  using connection = await connected()
  for (const text of ['', 'hi', '[]', '{}', '{"type":"response.cancel"}', '{"type":"response.create"}']) {
    connection.socket.send(text)
    const [event] = await connection.turn()
    expect(event).toMatchObject({ type: 'error', status: 400 })
    expect(faultsOf('WebSocketErrorEvent', event)).toEqual([])
  }
  expect(await connection.ask({ input: 'hi' })).toMatchObject({ type: 'response.completed' })
})

test('a client that leaves stops its upstream', async () => {
  const connection = await connected()
  model.answer = (request, number) => ({
    ...fakeAnswer(request, number),
    until: new Promise(() => undefined),
  })
  const number = model.received.length
  connection.create({ input: 'hi' })
  const upstream = await model.request(number)
  connection.socket.close()
  expect((await upstream.ended).how).toBe('left')
})

test('a server that stops does not wait for connections on which nothing happens', async () => {
  const stopping = await startTestApp('backends: {}\nmodels: {}\n')
  const connection = new Connection('/v1/responses', stopping.key, stopping)
  expect(await connection.opened).toBe(true)
  const closed = new Promise((resolve) => connection.socket.addEventListener('close', resolve))
  await stopping[Symbol.asyncDispose]()
  await closed
})

test('a connection without a good key is refused with the status of any call', async () => {
  expect(await new Connection('/v1/responses', 'ih-none').opened).toBe(false)
  const upgrade = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' }
  const answer = await fetch(`${inhouse.app.url}/v1/responses`, {
    headers: { ...upgrade, 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' },
  })
  expect(answer.status).toBe(401)
  expect((await fetch(`${inhouse.app.url}/v1/responses`)).status).toBe(405)
})
