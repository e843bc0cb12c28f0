import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createAnthropic } from '@ai-sdk/anthropic'
import Anthropic, { APIUserAbortError, BadRequestError, NotFoundError } from '@anthropic-ai/sdk'
import { generateText, jsonSchema, streamText, tool } from 'ai'

import { askByPython } from './testing/python-client.ts'
import { realApp, type RealApp } from './testing/real-app.ts'

/** Anthropic’s clients as they come from the registry, unchanged, against the real engine with the real small model. */
let inhouse: RealApp
let anthropic: Anthropic

beforeAll(async () => {
  inhouse = await realApp()
  anthropic = new Anthropic({ baseURL: inhouse.url, apiKey: inhouse.key, maxRetries: 0 })
}, 300_000)

afterAll(async () => {
  await inhouse[Symbol.asyncDispose]()
})

const messages: Anthropic.MessageParam[] = [{ role: 'user', content: 'Say hello.' }]
const hello = { model: 'small', max_tokens: 8, messages }

const weather = {
  name: 'get_weather',
  description: 'The weather in a city',
  input_schema: {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
  },
} satisfies Anthropic.Tool

/** A question, the call it led to, and the answer to it. */
const weatherTurn = (city: string, id: string): Anthropic.MessageParam[] => [
  { role: 'user', content: `What is the weather in ${city}?` },
  { role: 'assistant', content: [{ type: 'tool_use', id, name: 'get_weather', input: { city } }] },
  { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: 'sunny' }] },
  { role: 'assistant', content: 'It is sunny.' },
]

const paris = {
  model: 'tooled',
  max_tokens: 48,
  temperature: 0,
  tools: [weather],
  messages: [
    ...['Rome', 'Oslo', 'Bern'].flatMap((city, turn) => weatherTurn(city, `toolu_${turn}`)),
    { role: 'user', content: 'What is the weather in Paris?' },
  ] satisfies Anthropic.MessageParam[],
}

const failureOf = async (promise: Promise<unknown>): Promise<unknown> => {
  try {
    await promise
    return undefined
  } catch (thrown) {
    return thrown
  }
}

describe('@anthropic-ai/sdk', () => {
  test('chats, with a system text and stop sequences', async () => {
    const answer = await anthropic.messages.create({ ...hello, system: 'Be kind.', stop_sequences: ['!!!'] })
    expect(answer).toMatchObject({ type: 'message', role: 'assistant' })
    const [block] = answer.content
    expect(block?.type === 'text' && block.text.length).toBeGreaterThan(0)
    expect(answer.usage.input_tokens + (answer.usage.cache_read_input_tokens ?? 0)).toBeGreaterThan(0)
    expect(answer.usage.output_tokens).toBeGreaterThan(0)
    // The id that `inhouse explain` takes.
    expect(answer._request_id).toMatch(/^req_/)
  })

  test('streams, and its own sum of the events is whole', async () => {
    const stream = anthropic.messages.stream(hello)
    let text = ''
    stream.on('text', (piece) => {
      text += piece
    })
    const answer = await stream.finalMessage()
    expect(text.length).toBeGreaterThan(0)
    expect(answer.content).toMatchObject([{ type: 'text', text }])
    expect(['end_turn', 'max_tokens']).toContain(answer.stop_reason ?? '')
    expect(answer.usage.output_tokens).toBeGreaterThan(0)
  })

  test('calls a tool, streamed and whole, and goes on with its result', async () => {
    const whole = await anthropic.messages.create(paris)
    const streamed = await anthropic.messages.stream(paris).finalMessage()
    for (const answer of [whole, streamed]) {
      const call = answer.content.find((block) => block.type === 'tool_use')
      expect(call).toMatchObject({ name: 'get_weather', input: { city: 'Paris' } })
      expect(answer.stop_reason).toBe('tool_use')
      const result = { type: 'tool_result', tool_use_id: call?.id ?? '', content: 'rainy' } as const
      const next = await anthropic.messages.create({
        ...paris,
        max_tokens: 4,
        messages: [
          ...paris.messages,
          { role: 'assistant', content: answer.content },
          { role: 'user', content: [result] },
        ],
      })
      expect(next.content.length).toBeGreaterThan(0)
    }
  })

  test('calls the tool that it must', async () => {
    const answer = await anthropic.messages.create({ ...paris, tool_choice: { type: 'any' } })
    expect(answer.content).toMatchObject([{ type: 'tool_use', name: 'get_weather' }])
    expect(answer.stop_reason).toBe('tool_use')
  })

  test('gets JSON that fits the schema', async () => {
    const schema = {
      type: 'object',
      properties: { name: { type: 'string', maxLength: 20 }, age: { type: 'integer', maximum: 120 } },
      required: ['name', 'age'],
      additionalProperties: false,
    }
    const answer = await anthropic.messages.create({
      ...hello,
      max_tokens: 64,
      output_config: { format: { type: 'json_schema', schema } },
    })
    const [block] = answer.content
    const person = JSON.parse(block?.type === 'text' ? block.text : '') as object
    expect(Object.keys(person).toSorted()).toEqual(['age', 'name'])
  })

  test('counts tokens as the engine counts them', async () => {
    const { input_tokens: counted } = await anthropic.messages.countTokens({ model: 'small', messages })
    const { usage } = await anthropic.messages.create(hello)
    expect(counted).toBe(usage.input_tokens + (usage.cache_read_input_tokens ?? 0))
  })

  test('meets an error in its own shape', async () => {
    const failure = await failureOf(anthropic.messages.create({ ...hello, model: 'nope' }))
    expect(failure).toBeInstanceOf(NotFoundError)
    expect(failure).toMatchObject({ status: 404, type: 'not_found_error', errorCode: 'model_unknown' })
  })

  test('is told in Anthropic’s own words that a prompt is too long, streamed and whole', async () => {
    for (const stream of [false, true]) {
      const content = 'one word after the other '.repeat(3000)
      const failure = await failureOf(
        anthropic.messages.create({ ...hello, messages: [{ role: 'user', content }], stream }),
      )
      expect(failure).toBeInstanceOf(BadRequestError)
      expect(String(failure)).toContain('prompt is too long')
    }
  })

  test('leaves in the middle, and the engine stops', async () => {
    const stream = await anthropic.messages.create({ ...hello, max_tokens: 2000, stream: true })
    for await (const _ of stream) {
      stream.controller.abort()
      break
    }
    const failure = await failureOf(
      anthropic.messages.create({ ...hello, max_tokens: 2000 }, { signal: AbortSignal.timeout(50) }),
    )
    expect(failure).toBeInstanceOf(APIUserAbortError)
    await inhouse.engineIdle()
  })

  test('lists the models', async () => {
    const names: string[] = []
    for await (const model of anthropic.models.list()) names.push(model.id)
    expect(names).toEqual(['small', 'tooled'])
  })
})

describe('the AI SDK', () => {
  const model = (name: string) => createAnthropic({ baseURL: `${inhouse.url}/v1`, apiKey: inhouse.key })(name)
  const ask = { prompt: 'Say hello.', maxOutputTokens: 8, maxRetries: 0 }

  test('generates and streams text', async () => {
    const whole = await generateText({ model: model('small'), ...ask })
    expect(whole.text.length).toBeGreaterThan(0)
    expect(whole.usage.outputTokens).toBeGreaterThan(0)
    const { textStream, usage } = streamText({ model: model('small'), ...ask })
    let text = ''
    for await (const piece of textStream) text += piece
    expect(text.length).toBeGreaterThan(0)
    expect((await usage).outputTokens).toBeGreaterThan(0)
  })

  test('calls a tool and goes on with its result', async () => {
    const asked: unknown[] = []
    const getWeather = tool({
      description: weather.description,
      inputSchema: jsonSchema<{ city: string }>(weather.input_schema as object),
      execute: (input) => {
        asked.push(input)
        return 'rainy'
      },
    })
    const tools = { get_weather: getWeather }
    const first = await generateText({
      model: model('tooled'),
      ...ask,
      maxOutputTokens: 48,
      tools,
      toolChoice: 'required',
    })
    expect(first.finishReason).toBe('tool-calls')
    expect(asked).toHaveLength(1)
    const next = streamText({
      model: model('tooled'),
      messages: [{ role: 'user', content: 'What is the weather in Paris?' }, ...first.response.messages],
      tools,
      maxOutputTokens: 4,
      maxRetries: 0,
    })
    expect((await next.usage).outputTokens).toBeGreaterThan(0)
  })
})

describe('anthropic from PyPI', () => {
  test('chats, streams, calls a tool, counts tokens, meets errors, leaves', async () => {
    const seen = (await askByPython(
      { name: 'anthropic-client', packages: [`anthropic==${pinned}`], script: 'anthropic-client.py' },
      inhouse.url,
      inhouse.key,
    )) as object
    expect(seen).toMatchObject({
      version: pinned,
      whole: true,
      request_id: expect.stringMatching(/^req_/),
      streamed: [true, true, expect.any(String)],
      tool: ['get_weather', { city: 'Paris' }, 'tool_use'],
      counted: true,
      error: [404, 'not_found_error'],
    })
    await inhouse.engineIdle()
  }, 180_000)
})

const pinned = '2.12.0'
