import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { Ollama, type ChatResponse, type Message, type Tool } from 'ollama'

import { askByPython } from './testing/python-client.ts'
import { realApp, type RealApp } from './testing/real-app.ts'

/** Ollama’s clients as they come from the registries, unchanged, against the real engine with the real small model. */
let inhouse: RealApp

beforeAll(async () => {
  inhouse = await realApp()
}, 300_000)

afterAll(async () => {
  await inhouse[Symbol.asyncDispose]()
})

const doors = {
  'with a key': () => new Ollama({ host: inhouse.url, headers: { authorization: `Bearer ${inhouse.key}` } }),
  'through the listener without keys': () => new Ollama({ host: inhouse.keylessUrl }),
}

const question: Message[] = [{ role: 'user', content: 'Say hello.' }]
const short = { num_predict: 16, temperature: 0 }

const weather: Tool = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather in a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
}

/** A question, the call it led to, and the answer to it, as Ollama’s own examples write them: without ids. */
const weatherTurn = (city: string): Message[] => [
  { role: 'user', content: `What is the weather in ${city}?` },
  {
    role: 'assistant',
    content: '',
    tool_calls: [{ function: { name: 'get_weather', arguments: { city } } }],
  },
  { role: 'tool', content: 'sunny', tool_name: 'get_weather' },
  { role: 'assistant', content: 'It is sunny.' },
]

type Figures = Pick<
  ChatResponse,
  'total_duration' | 'load_duration' | 'prompt_eval_duration' | 'eval_duration' | 'eval_count'
>

/** The durations are whole nanoseconds that fit into what we waited ourselves. */
function mustFit(figures: Figures, waitedMs: number): void {
  const { total_duration, load_duration, prompt_eval_duration, eval_duration, eval_count } = figures
  expect(eval_count).toBeGreaterThan(0)
  for (const part of [total_duration, load_duration, prompt_eval_duration, eval_duration])
    expect(Number.isSafeInteger(part)).toBe(true)
  expect(eval_duration).toBeGreaterThan(0)
  expect(load_duration + prompt_eval_duration + eval_duration).toBeLessThanOrEqual(total_duration)
  expect(total_duration).toBeLessThanOrEqual(waitedMs * 1e6)
}

describe.each(Object.entries(doors))('ollama %s', (_door, open) => {
  test('chats, with durations that fit the wall clock', async () => {
    const began = performance.now()
    const answer = await open().chat({ model: 'small', messages: question, options: short })
    expect(answer.message.content.length).toBeGreaterThan(0)
    expect(answer).toMatchObject({ model: 'small', done: true, done_reason: 'length', eval_count: 16 })
    mustFit(answer, performance.now() - began)
  })

  test('streams, and says at the end what it took', async () => {
    const began = performance.now()
    let text = ''
    let last: ChatResponse | undefined
    for await (const piece of await open().chat({
      model: 'small',
      messages: question,
      options: short,
      stream: true,
    })) {
      text += piece.message.content
      last = piece
    }
    expect(text.length).toBeGreaterThan(0)
    if (last === undefined) throw new Error('no piece came')
    mustFit(last, performance.now() - began)
  })

  test('calls a tool, streamed and whole, and goes on with its result', async () => {
    const ask = {
      model: 'tooled',
      messages: [
        ...['Rome', 'Oslo', 'Bern'].flatMap(weatherTurn),
        { role: 'user', content: 'What is the weather in Paris?' },
      ],
      tools: [weather],
      options: { num_predict: 48, temperature: 0 },
    }
    const whole = await open().chat(ask)
    expect(whole.message.tool_calls).toMatchObject([
      { function: { name: 'get_weather', arguments: { city: 'Paris' } } },
    ])
    const calls: unknown[] = []
    for await (const { message } of await open().chat({ ...ask, stream: true }))
      calls.push(...(message.tool_calls ?? []))
    expect(calls).toMatchObject([{ function: { arguments: { city: 'Paris' } } }])
    const messages = [
      ...ask.messages,
      whole.message,
      { role: 'tool', content: 'sunny', tool_name: 'get_weather' },
    ]
    const after = await open().chat({ ...ask, messages, options: short })
    expect(after.message.content.length).toBeGreaterThan(0)
  })

  test('gets JSON that fits the schema', async () => {
    const answer = await open().chat({
      model: 'small',
      messages: [{ role: 'user', content: 'A person named Ada, aged 36.' }],
      options: { num_predict: 64 },
      format: {
        type: 'object',
        properties: { name: { type: 'string', maxLength: 20 }, age: { type: 'integer', maximum: 120 } },
        required: ['name', 'age'],
        additionalProperties: false,
      },
    })
    const person = JSON.parse(answer.message.content) as Record<string, unknown>
    expect(Object.keys(person).toSorted()).toEqual(['age', 'name'])
  })

  test('gets log probabilities in the shape of its own types', async () => {
    const answer = await open().chat({
      model: 'small',
      messages: question,
      options: { num_predict: 4, temperature: 0 },
      logprobs: true,
      top_logprobs: 2,
    })
    expect(answer.logprobs).toHaveLength(4)
    expect(answer.logprobs?.[0]).toMatchObject({ token: expect.any(String), logprob: expect.any(Number) })
    expect(answer.logprobs?.[0]?.top_logprobs).toHaveLength(2)
  })

  test('generates from a prompt, from a raw one, and loads with none', async () => {
    const began = performance.now()
    const answer = await open().generate({ model: 'small', prompt: 'Say hello.', options: short })
    expect(answer.response?.length).toBeGreaterThan(0)
    mustFit(answer, performance.now() - began)
    let text = ''
    for await (const piece of await open().generate({
      model: 'small',
      prompt: 'Once upon a',
      raw: true,
      options: short,
      stream: true,
    }))
      text += piece.response
    expect(text.length).toBeGreaterThan(0)
    expect(await open().generate({ model: 'small', prompt: '' })).toMatchObject({ done_reason: 'load' })
  })

  test('embeds texts', async () => {
    const { embeddings } = await open().embed({ model: 'small', input: ['hello', 'world'] })
    expect(embeddings.map((vector) => vector.length)).toEqual([576, 576])
    const { embedding } = await open().embeddings({ model: 'small', prompt: 'hello' })
    expect(embedding).toHaveLength(576)
  })

  test('lists and shows the models, and which of them are loaded', async () => {
    await open().generate({ model: 'small', prompt: '' })
    const { models } = await open().list()
    const small = models.find(({ model }) => model === 'small:latest')
    expect(small?.size).toBe(98_362_432)
    expect(small?.digest).toBe('b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53')
    expect(small?.details).toMatchObject({ format: 'gguf', family: 'llama', parameter_size: '134.52M' })
    const shown = await open().show({ model: 'tooled' })
    expect(shown.capabilities).toEqual(['completion', 'tools'])
    expect(shown.model_info).toMatchObject({
      'general.architecture': 'llama',
      'llama.context_length': 2048,
    })
    const loaded = (await open().ps()).models
    expect(loaded.map(({ name }) => name)).toContain('small')
    expect(new Date(loaded[0]?.expires_at ?? 0).getTime()).toBeGreaterThan(Date.now())
  })

  test('is told what is wrong', async () => {
    const refused = async (work: Promise<unknown>): Promise<object> => {
      try {
        return { answered: await work }
      } catch (thrown) {
        return thrown as object
      }
    }
    expect(await refused(open().chat({ model: 'nope', messages: question }))).toMatchObject({
      name: 'ResponseError',
      status_code: 404,
      error: expect.stringContaining('not found'),
    })
    const tooLong = [{ role: 'user', content: 'one word after the other '.repeat(3000) }]
    const long = await refused(open().chat({ model: 'small', messages: tooLong }))
    expect(long).toMatchObject({ status_code: 400 })
    expect(await refused(open().pull({ model: 'tiny' }))).toMatchObject({ status_code: 403 })
  })

  test('leaves in the middle, and the engine stops', async () => {
    const stream = await open().chat({
      model: 'small',
      messages: question,
      options: { num_predict: 2000 },
      stream: true,
    })
    const read = async (): Promise<void> => {
      for await (const _ of stream) stream.abort()
    }
    expect(await read().catch((thrown: Error) => thrown.name)).toBe('AbortError')
    await inhouse.engineIdle()
  })
})

describe('ollama from PyPI', () => {
  test.each(['with a key', 'without one'])(
    'does the same %s',
    async (how) => {
      const door = how === 'with a key' ? [inhouse.url, inhouse.key] : [inhouse.keylessUrl]
      const seen = (await askByPython(
        { name: 'ollama-client', packages: ['ollama==0.6.3'], script: 'ollama-client.py' },
        ...door,
      )) as object
      expect(seen).toEqual({
        whole: true,
        fits: true,
        streamed: true,
        structured: ['age', 'name'],
        tool: { city: 'Paris' },
        generated: true,
        embeddings: [576, 576],
        embedding: 576,
        list: ['small:latest', 'tooled:latest'],
        show: [['completion', 'tools'], 'llama', 2048],
        ps: true,
        error: [404, true],
        pull: 403,
      })
      await inhouse.engineIdle()
    },
    180_000,
  )
})
