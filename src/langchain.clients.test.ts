import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  AIMessage,
  HumanMessage,
  ToolMessage,
  type BaseMessage,
  type UsageMetadata,
} from '@langchain/core/messages'
import { DynamicStructuredTool } from '@langchain/core/tools'
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai'

import { askByPython } from './testing/python-client.ts'
import { realApp, type RealApp } from './testing/real-app.ts'

/** LangChain as it comes from the registries, unchanged, against the real engine with the real small model. */
let inhouse: RealApp

beforeAll(async () => {
  // Threads wait for each other: where tests share the processors, one is faster than two.
  inhouse = await realApp({ threads: 1 })
}, 300_000)

afterAll(async () => {
  await inhouse[Symbol.asyncDispose]()
})

const shape = {
  title: 'person',
  type: 'object',
  properties: { name: { type: 'string', enum: ['Ada'] }, age: { type: 'integer', maximum: 99 } },
  required: ['name', 'age'],
  additionalProperties: false,
}

/** Its cities are few: a small model goes on and on where it may. */
const weather = new DynamicStructuredTool({
  name: 'get_weather',
  description: 'The weather in a city',
  schema: { type: 'object', properties: { city: { type: 'string', enum: ['Paris'] } }, required: ['city'] },
  func: async ({ city }: { city: string }) => `It is raining in ${city}.`,
})

const connection = () => ({ apiKey: inhouse.key, configuration: { baseURL: `${inhouse.url}/v1` } })

/** A question, the call it led to, its result, and the answer. */
const turnsOf = (city: string): BaseMessage[] => [
  new HumanMessage(`What is the weather in ${city}?`),
  new AIMessage({ content: '', tool_calls: [{ id: city, name: 'get_weather', args: { city } }] }),
  new ToolMessage({ tool_call_id: city, content: 'sunny' }),
  new AIMessage('It is sunny.'),
]
const asked = [
  ...['Rome', 'Oslo', 'Bern'].flatMap(turnsOf),
  new HumanMessage('What is the weather in Paris?'),
]

/** The class gives it a type by the shape of the message, which here is none. */
const usageOf = (
  message: { usage_metadata?: UsageMetadata | undefined } | undefined,
): UsageMetadata | undefined => message?.usage_metadata

const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )

describe.each([
  ['chat completions', false],
  ['responses', true],
])('ChatOpenAI with %s', (_, useResponsesApi) => {
  const chat = (model: string, maxTokens: number): ChatOpenAI =>
    new ChatOpenAI({ ...connection(), model, maxTokens, temperature: 0, maxRetries: 0, useResponsesApi })

  test('answers, with usage', async () => {
    const answer = await chat('small', 16).invoke('Say hello.')
    expect(answer.text.length).toBeGreaterThan(0)
    const usage = usageOf(answer)
    expect(usage?.input_tokens).toBeGreaterThan(0)
    expect(usage?.output_tokens).toBeWithin(1, 17)
  })

  test('streams, with usage', async () => {
    let sum: Awaited<ReturnType<ChatOpenAI['invoke']>> | undefined
    let pieces = 0
    for await (const chunk of await chat('small', 16).stream('Say hello.')) {
      sum = sum?.concat(chunk) ?? chunk
      if (chunk.text !== '') pieces++
    }
    expect(pieces).toBeGreaterThan(1)
    expect(usageOf(sum)?.output_tokens).toBeWithin(1, 17)
  })

  test('calls a tool, whole and streamed, and goes on with its result', async () => {
    const bound = chat('tooled', 48).bindTools([weather])
    const whole = await bound.invoke(asked)
    let streamed: typeof whole | undefined
    for await (const chunk of await bound.stream(asked)) streamed = streamed?.concat(chunk) ?? chunk
    for (const answer of [whole, streamed]) {
      const [call] = answer?.tool_calls ?? []
      expect(call).toMatchObject({ name: 'get_weather', args: { city: 'Paris' } })
      if (answer === undefined || call === undefined) throw new Error('no tool was called')
      const result: ToolMessage = await weather.invoke({ ...call, type: 'tool_call' })
      expect(result.text).toBe('It is raining in Paris.')
      const next = await bound.invoke([...asked, answer, result])
      expect(next.text).toContain('rain')
    }
  })

  test('calls the tool that it must', async () => {
    const answer = await chat('small', 48)
      .bindTools([weather], { tool_choice: 'get_weather' })
      .invoke('Hello!')
    expect(answer.tool_calls).toMatchObject([{ name: 'get_weather', args: { city: 'Paris' } }])
  })

  test.each(['jsonSchema', 'functionCalling'] as const)('gets an object of a shape by %s', async (method) => {
    const person = await chat('small', 48)
      .withStructuredOutput(shape, { name: 'person', method })
      .invoke('Ada is 36. Answer as JSON.')
    expect(person).toMatchObject({ name: 'Ada', age: expect.any(Number) })
  })

  test('meets errors with OpenAI’s codes', async () => {
    expect(await failureOf(chat('nope', 4).invoke('Hello!'))).toMatchObject({
      status: 404,
      lc_error_code: 'MODEL_NOT_FOUND',
    })
    const tooLong = chat('small', 4).invoke('one word after the other '.repeat(3000))
    expect(await failureOf(tooLong)).toMatchObject({ status: 400, code: 'context_length_exceeded' })
  })

  test('leaves in the middle, and the engine stops', async () => {
    for await (const _chunk of await chat('small', 2000).stream('Tell me a long story.')) break
    await inhouse.engineIdle()
  })
})

test('OpenAIEmbeddings embeds documents and a query alike', async () => {
  const embeddings = new OpenAIEmbeddings({ ...connection(), model: 'small', maxRetries: 0 })
  const [hello, world] = await embeddings.embedDocuments(['hello', 'world'])
  expect([hello?.length, world?.length]).toEqual([576, 576])
  const query = await embeddings.embedQuery('hello')
  for (const [at, figure] of query.entries()) expect(figure).toBeCloseTo(hello?.[at] ?? Number.NaN, 3)
})

describe('LangChain from PyPI', () => {
  test('its OpenAI, Anthropic and Ollama packages do all of that', async () => {
    const seen = await askByPython(
      { name: 'langchain-client', packages: pinned, script: 'langchain-client.py' },
      inhouse.url,
      inhouse.key,
    )
    const each = {
      whole: true,
      streamed: true,
      tool: [['get_weather', { city: 'Paris' }]],
      toolStreamed: [['get_weather', { city: 'Paris' }]],
      next: expect.stringContaining('rain'),
      structured: { name: 'Ada', age: expect.any(Number) },
    }
    const codes = { unknown: 'model_not_found', tooLong: 'context_length_exceeded' }
    expect(seen).toEqual({
      openai: { ...each, ...codes },
      responses: { ...each, ...codes },
      anthropic: {
        ...each,
        unknown: 'AnthropicModelNotFoundError',
        tooLong: 'AnthropicContextOverflowError',
      },
      ollama: { ...each, unknown: 'ResponseError', tooLong: 'ResponseError' },
      embeddings: { openai: [576, 576], ollama: [576, 576] },
    })
    await inhouse.engineIdle()
  }, 300_000)
})

const pinned = ['langchain-openai==1.7.3', 'langchain-anthropic==1.7.7', 'langchain-ollama==1.1.0']
