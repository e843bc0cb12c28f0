import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createOpenResponses } from '@ai-sdk/open-responses'
import { createOpenAI } from '@ai-sdk/openai'
import {
  generateObject,
  generateText,
  jsonSchema,
  streamText,
  tool,
  type LanguageModel,
  type ModelMessage,
} from 'ai'
import { NotFoundError, OpenAI } from 'openai'
import type { ResponseInputItem } from 'openai/resources/responses/responses'

import { askByPython } from './testing/python-client.ts'
import { realApp, type RealApp } from './testing/real-app.ts'

/** Clients of `/v1/responses` as they come from the registry, unchanged, against the real engine with the real small model. */
let inhouse: RealApp
let openai: OpenAI

beforeAll(async () => {
  inhouse = await realApp()
  openai = new OpenAI({ baseURL: `${inhouse.url}/v1`, apiKey: inhouse.key, maxRetries: 0 })
}, 300_000)

afterAll(async () => {
  await inhouse[Symbol.asyncDispose]()
})

const hello = { model: 'small', input: 'Say hello.', max_output_tokens: 16, store: false } as const
const parameters = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
}
const cities = ['Rome', 'Oslo', 'Bern']
const question = 'What is the weather in Paris?'

/** A question, the call it led to, its result, and the answer. */
const itemsOf = (city: string): ResponseInputItem[] => [
  { role: 'user', content: `What is the weather in ${city}?` },
  { type: 'function_call', call_id: city, name: 'get_weather', arguments: JSON.stringify({ city }) },
  { type: 'function_call_output', call_id: city, output: 'sunny' },
  { role: 'assistant', content: 'It is sunny.' },
]

const ada = {
  type: 'object' as const,
  properties: {
    name: { type: 'string' as const, enum: ['Ada'] },
    age: { type: 'integer' as const, maximum: 99 },
  },
  required: ['name', 'age'],
  additionalProperties: false,
}

describe('openai', () => {
  test('creates a response', async () => {
    const response = await openai.responses.create(hello)
    expect(response.output_text.length).toBeGreaterThan(0)
    expect(response.usage?.output_tokens).toBeGreaterThan(0)
    expect(response.id).toMatch(/^resp_/)
  })

  test('streams a response, and what it gathers is what came last', async () => {
    const stream = openai.responses.stream(hello)
    let text = ''
    let last = ''
    for await (const event of stream) {
      if (event.type === 'response.output_text.delta') text += event.delta
      last = event.type
    }
    expect(text.length).toBeGreaterThan(0)
    // 16 tokens may be the end of it.
    expect(['response.completed', 'response.incomplete']).toContain(last)
    expect((await stream.finalResponse()).output_text).toBe(text)
  })

  test('parses an answer that fits a schema', async () => {
    const response = await openai.responses.parse({
      ...hello,
      input: 'Ada is 36. Answer as JSON.',
      max_output_tokens: 64,
      text: { format: { type: 'json_schema', name: 'person', strict: true, schema: ada } },
    })
    expect(response.output_parsed).toMatchObject({ name: 'Ada' })
  })

  test('calls a tool, streamed and whole', async () => {
    const ask = {
      model: 'tooled',
      input: [...cities.flatMap(itemsOf), { role: 'user' as const, content: question }],
      tools: [{ type: 'function' as const, name: 'get_weather', strict: false, parameters }],
      max_output_tokens: 48,
      temperature: 0,
      store: false,
    }
    for (const response of [
      await openai.responses.create(ask),
      await openai.responses.stream(ask).finalResponse(),
    ]) {
      const calls = response.output.flatMap((item) =>
        item.type === 'function_call' ? [[item.name, JSON.parse(item.arguments)]] : [],
      )
      expect(calls).toEqual([['get_weather', { city: 'Paris' }]])
    }
  })

  test('fills in a free text where a tool takes one', async () => {
    const response = await openai.responses.create({
      ...hello,
      max_output_tokens: 48,
      input: 'Write a haiku.',
      tools: [{ type: 'custom', name: 'write', description: 'Writes a text.' }],
      tool_choice: 'required',
    })
    expect(response.output.some((item) => item.type === 'custom_tool_call' && item.name === 'write')).toBe(
      true,
    )
  })

  test('meets an error in its own shape, and is told that a prompt is too long', async () => {
    const failure = (body: object) =>
      openai.responses.create({ ...hello, ...body, stream: false }).then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
    const unknown = await failure({ model: 'nope' })
    expect(unknown).toBeInstanceOf(NotFoundError)
    expect(unknown).toMatchObject({ code: 'model_not_found', param: 'model' })
    expect(await failure({ input: 'one word after the other '.repeat(3000) })).toMatchObject({
      status: 400,
      code: 'context_length_exceeded',
    })
  })

  test('leaves in the middle, and the engine stops', async () => {
    const stream = await openai.responses.create({ ...hello, max_output_tokens: 2000, stream: true })
    for await (const event of stream) if (event.type === 'response.output_text.delta') break
    await inhouse.engineIdle()
  })
})

const providers: readonly (readonly [string, (model: string) => LanguageModel])[] = [
  ['openai', (model) => createOpenAI({ baseURL: `${inhouse.url}/v1`, apiKey: inhouse.key }).responses(model)],
  [
    'open-responses',
    (model) =>
      createOpenResponses({ name: 'inhouse', url: `${inhouse.url}/v1/responses`, apiKey: inhouse.key })(
        model,
      ),
  ],
]
const providerOptions = { openai: { store: false } }

/** The same turns as the AI SDK has them. */
const messagesOf = (city: string): ModelMessage[] => [
  { role: 'user', content: `What is the weather in ${city}?` },
  {
    role: 'assistant',
    content: [{ type: 'tool-call', toolCallId: city, toolName: 'get_weather', input: { city } }],
  },
  {
    role: 'tool',
    content: [
      {
        type: 'tool-result',
        toolCallId: city,
        toolName: 'get_weather',
        output: { type: 'text', value: 'sunny' },
      },
    ],
  },
  { role: 'assistant', content: 'It is sunny.' },
]

describe.each(providers)('the AI SDK’s %s provider', (_, modelOf) => {
  test('generates and streams text', async () => {
    const ask = {
      model: modelOf('small'),
      prompt: 'Say hello.',
      maxOutputTokens: 16,
      maxRetries: 0,
      providerOptions,
    }
    const whole = await generateText(ask)
    expect(whole.text.length).toBeGreaterThan(0)
    const { textStream, usage, finishReason } = streamText(ask)
    let text = ''
    for await (const piece of textStream) text += piece
    expect(text.length).toBeGreaterThan(0)
    expect((await usage).outputTokens).toBeGreaterThan(0)
    expect(['stop', 'length']).toContain(await finishReason)
  })

  test('calls a tool after its results', async () => {
    const { toolCalls } = streamText({
      model: modelOf('tooled'),
      messages: [...cities.flatMap(messagesOf), { role: 'user', content: question }],
      tools: { get_weather: tool({ inputSchema: jsonSchema<{ city: string }>(parameters as never) }) },
      maxOutputTokens: 48,
      temperature: 0,
      maxRetries: 0,
      providerOptions,
    })
    expect((await toolCalls).map(({ toolName, input }) => [toolName, input])).toEqual([
      ['get_weather', { city: 'Paris' }],
    ])
  })

  test('gets an object that fits a schema', async () => {
    const { object } = await generateObject({
      model: modelOf('small'),
      schema: jsonSchema<{ name: string }>(ada),
      prompt: 'Ada is 36. Answer as JSON.',
      maxOutputTokens: 64,
      maxRetries: 0,
      providerOptions,
    })
    expect(object).toMatchObject({ name: 'Ada' })
  })
})

describe('openai from PyPI', () => {
  test('creates, streams and parses responses, calls a tool, meets errors', async () => {
    const seen = (await askByPython(
      { name: 'openai-client', packages: ['openai==3.54.0'], script: 'openai-responses-client.py' },
      inhouse.url,
      inhouse.key,
    )) as object
    expect(seen).toMatchObject({
      whole: true,
      streamed: true,
      parsed: { name: 'Ada', age: 36 },
      tool: [{ city: 'Paris' }],
      error: [404, 'model_not_found', 'model'],
    })
  }, 180_000)
})
