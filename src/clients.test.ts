import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { generateText, streamText } from 'ai'
import { APIUserAbortError, NotFoundError, OpenAI } from 'openai'

import { askByPython } from './testing/python-client.ts'
import { realApp, type RealApp } from './testing/real-app.ts'

/** Clients as they come from the registry, unchanged, against the real engine with the real small model. */
let inhouse: RealApp
let openai: OpenAI

beforeAll(async () => {
  inhouse = await realApp()
  openai = new OpenAI({ baseURL: `${inhouse.url}/v1`, apiKey: inhouse.key, maxRetries: 0 })
}, 300_000)

afterAll(async () => {
  await inhouse[Symbol.asyncDispose]()
})

const question = [{ role: 'user', content: 'Say hello.' }] as const
const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather in a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
} as const

/** A question, the call it led to, and the answer to it. */
const weatherTurn = (city: string, id: string): OpenAI.ChatCompletionMessageParam[] => [
  { role: 'user', content: `What is the weather in ${city}?` },
  {
    role: 'assistant',
    content: null,
    tool_calls: [
      { id, type: 'function', function: { name: 'get_weather', arguments: JSON.stringify({ city }) } },
    ],
  },
  { role: 'tool', tool_call_id: id, content: 'sunny' },
  { role: 'assistant', content: 'It is sunny.' },
]

const failureOf = async (promise: Promise<unknown>): Promise<unknown> => {
  try {
    await promise
    return undefined
  } catch (thrown) {
    return thrown
  }
}

describe('openai', () => {
  test('chats', async () => {
    const answer = await openai.chat.completions.create({
      model: 'small',
      messages: [...question],
      max_tokens: 16,
    })
    expect(answer.choices[0]?.message.content?.length).toBeGreaterThan(0)
    expect(answer.usage?.completion_tokens).toBeGreaterThan(0)
    // The id that `inhouse explain` takes.
    expect(answer._request_id).toMatch(/^req_/)
  })

  test('streams, with usage when asked for', async () => {
    const stream = await openai.chat.completions.create({
      model: 'small',
      messages: [...question],
      max_tokens: 16,
      stream: true,
      stream_options: { include_usage: true },
    })
    let text = ''
    let tokens: number | undefined
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? ''
      tokens = chunk.usage?.completion_tokens ?? tokens
    }
    expect(text.length).toBeGreaterThan(0)
    expect(tokens).toBeGreaterThan(0)
  })

  test('calls a tool, streamed and whole', async () => {
    const turns = ['Rome', 'Oslo', 'Bern'].flatMap((city, turn) => weatherTurn(city, `call-${turn}`))
    const ask = {
      model: 'tooled',
      messages: [...turns, { role: 'user' as const, content: 'What is the weather in Paris?' }],
      tools: [weather],
      max_tokens: 48,
      temperature: 0,
    }
    const whole = await openai.chat.completions.create(ask)
    const streamed = await openai.chat.completions.stream(ask).finalChatCompletion()
    for (const answer of [whole, streamed]) {
      const call = answer.choices[0]?.message.tool_calls?.[0]
      if (call?.type !== 'function') throw new Error('no tool was called')
      expect(call.function.name).toBe('get_weather')
      expect(JSON.parse(call.function.arguments)).toEqual({ city: 'Paris' })
      expect(answer.choices[0]?.finish_reason).toBe('tool_calls')
    }
  })

  test('gets JSON that fits the schema', async () => {
    const answer = await openai.chat.completions.create({
      model: 'small',
      messages: [{ role: 'user', content: 'A person named Ada, aged 36.' }],
      max_tokens: 64,
      response_format: {
        type: 'json_schema',
        json_schema: {
          name: 'person',
          strict: true,
          schema: {
            type: 'object',
            properties: { name: { type: 'string', maxLength: 20 }, age: { type: 'integer', maximum: 120 } },
            required: ['name', 'age'],
            additionalProperties: false,
          },
        },
      },
    })
    const person = JSON.parse(answer.choices[0]?.message.content ?? '') as Record<string, unknown>
    expect(Object.keys(person).toSorted()).toEqual(['age', 'name'])
  })

  test('gets log probabilities', async () => {
    const answer = await openai.chat.completions.create({
      model: 'small',
      messages: [...question],
      max_tokens: 4,
      logprobs: true,
      top_logprobs: 2,
    })
    expect(answer.choices[0]?.logprobs?.content?.length).toBeGreaterThan(0)
  })

  test('completes text', async () => {
    const answer = await openai.completions.create({ model: 'small', prompt: 'Once upon a', max_tokens: 8 })
    expect(answer.choices[0]?.text.length).toBeGreaterThan(0)
  })

  test('embeds texts and token ids: floats, and base64 as it asks by default', async () => {
    const floats = await openai.embeddings.create({
      model: 'small',
      input: ['hello', 'world'],
      encoding_format: 'float',
    })
    const packed = await openai.embeddings.create({ model: 'small', input: ['hello', 'world'] })
    expect(floats.data).toHaveLength(2)
    expect(packed.data[0]?.embedding.length).toBe(floats.data[0]?.embedding.length ?? 0)
    expect(packed.data[0]?.embedding[0]).toBeCloseTo(floats.data[0]?.embedding[0] ?? Number.NaN, 4)
    const ids = await openai.embeddings.create({
      model: 'small',
      input: [[1, 2, 3]],
      encoding_format: 'float',
    })
    expect(ids.data).toHaveLength(1)
  })

  test('meets an error in its own shape', async () => {
    const failure = await failureOf(
      openai.chat.completions.create({ model: 'nope', messages: [...question] }),
    )
    expect(failure).toBeInstanceOf(NotFoundError)
    expect(failure).toMatchObject({ status: 404, code: 'model_not_found', param: 'model' })
  })

  test('is told by OpenAI’s own code that a prompt is too long, streamed and whole', async () => {
    for (const stream of [false, true]) {
      const failure = await failureOf(
        openai.chat.completions.create({
          model: 'small',
          messages: [{ role: 'user', content: 'one word after the other '.repeat(3000) }],
          stream,
        }),
      )
      expect(failure).toMatchObject({ status: 400, code: 'context_length_exceeded' })
    }
  })

  test('leaves in the middle, and the engine stops', async () => {
    const stream = await openai.chat.completions.create({
      model: 'small',
      messages: [...question],
      max_tokens: 2000,
      stream: true,
    })
    for await (const _ of stream) {
      stream.controller.abort()
      break
    }
    const failure = await failureOf(
      openai.chat.completions.create(
        { model: 'small', messages: [...question], max_tokens: 2000 },
        { signal: AbortSignal.timeout(50) },
      ),
    )
    expect(failure).toBeInstanceOf(APIUserAbortError)
    await inhouse.engineIdle()
  })

  test('lists the models', async () => {
    const names: string[] = []
    for await (const model of openai.models.list()) names.push(model.id)
    expect(names).toEqual(['small', 'tooled'])
  })
})

describe('the AI SDK', () => {
  const provider = () =>
    createOpenAICompatible({
      name: 'inhouse',
      baseURL: `${inhouse.url}/v1`,
      apiKey: inhouse.key,
      includeUsage: true,
    })

  test('generates and streams text', async () => {
    const model = provider()('small')
    const whole = await generateText({ model, prompt: 'Say hello.', maxOutputTokens: 16, maxRetries: 0 })
    expect(whole.text.length).toBeGreaterThan(0)
    const { textStream, usage } = streamText({
      model,
      prompt: 'Say hello.',
      maxOutputTokens: 16,
      maxRetries: 0,
    })
    let text = ''
    for await (const piece of textStream) text += piece
    expect(text.length).toBeGreaterThan(0)
    expect((await usage).outputTokens).toBeGreaterThan(0)
  })
})

test('what the model was not made for, or cannot be read, is the fault of the request and rests nobody', async () => {
  const image = { url: 'data:image/png;base64,iVBORw0KGgo=' }
  const unfit = [
    { content: [{ type: 'image_url', image_url: image }] },
    { content: [{ type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } }] },
    { content: 'hi', tools: [1] },
    { content: 'hi', tools: [{ type: 'function' }] },
  ]
  const ask = ({ content, ...more }: Record<string, unknown>): Promise<Response> =>
    fetch(`${inhouse.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${inhouse.key}` },
      body: JSON.stringify({ model: 'small', max_tokens: 2, messages: [{ role: 'user', content }], ...more }),
    })
  for (let round = 0; round < 3; round++) {
    for (const body of unfit) expect([body, (await ask(body)).status]).toEqual([body, 400])
  }
  expect((await ask({ content: 'hi' })).status).toBe(200)
})

describe('openai from PyPI', () => {
  test('chats, streams, calls a tool, gets structured output and embeddings, meets errors, leaves', async () => {
    const seen = (await askByPython(
      { name: 'openai-client', packages: ['openai==3.54.0'], script: 'openai-client.py' },
      inhouse.url,
      inhouse.key,
    )) as object
    expect(seen).toMatchObject({
      whole: true,
      streamed: true,
      structured: true,
      tool: { city: 'Paris' },
      embeddings: [576, 576],
      error: [404, 'model_not_found', 'model'],
    })
    await inhouse.engineIdle()
  }, 180_000)
})
