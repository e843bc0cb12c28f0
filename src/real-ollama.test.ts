import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { Ollama } from 'ollama'
import { OpenAI } from 'openai'

import { logPath } from './serve/engines/process.ts'
import { realModel } from './testing/real-engine.ts'
import { buildTimeoutMs, ollamaProgram, realOllama, type RealOllama } from './testing/real-ollama.ts'
import { startTestApp, type TestApp } from './testing/test-app.ts'

/** The backend `ollama` against the real one, built here: minutes the first time, so `npm run test:heavy` only. */
describe.skipIf(process.env['INHOUSE_HEAVY'] === undefined)('the real Ollama', () => {
  let upstream: RealOllama
  let inhouse: TestApp
  let openai: OpenAI
  let native: Ollama

  beforeAll(async () => {
    upstream = await realOllama()
    const rows = ['small', 'tooled', 'thinker', 'far'].map(
      (name) => `${name}: { backend: gpu, model: ${name}, context: 512 }`,
    )
    inhouse = await startTestApp(
      `backends: { gpu: { kind: ollama, url: "${upstream.url}", keepAlive: 1h } }
models: { ${rows.join(', ')}, gone: { backend: gpu }, long: { backend: gpu, model: small, context: 8192 }, brief: { backend: gpu, model: small, context: 128 } }\n`,
    )
    openai = new OpenAI({ baseURL: `${inhouse.app.url}/v1`, apiKey: inhouse.key, maxRetries: 0 })
    native = new Ollama({ host: inhouse.app.url, headers: { authorization: `Bearer ${inhouse.key}` } })
  }, buildTimeoutMs)

  afterAll(async () => {
    await inhouse?.[Symbol.asyncDispose]()
    await upstream?.[Symbol.asyncDispose]()
  })

  const question = [{ role: 'user' as const, content: 'Say hello.' }]
  const ask = { model: 'small', messages: question, max_tokens: 8, temperature: 0 }
  const weather = {
    type: 'function' as const,
    function: {
      name: 'get_weather',
      description: 'The weather in a city',
      parameters: { type: 'object', properties: { city: { enum: ['Paris'] } }, required: ['city'] },
    },
  }
  /** Nothing that keeps to it ever ends. */
  const endless = {
    $ref: '#/$defs/deeper',
    $defs: { deeper: { type: 'object', properties: { a: { $ref: '#/$defs/deeper' } }, required: ['a'] } },
  }
  const loaded = async (): Promise<{ name: string; context_length: number; expires_at: string }[]> => {
    const response = await fetch(`${upstream.url}/api/ps`)
    return ((await response.json()) as { models: [] }).models
  }
  const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      () => undefined,
      (thrown) => thrown,
    )

  test('chats in OpenAI’s words, whole and streamed, with its own figures in the ledger', async () => {
    const whole = await openai.chat.completions.create(ask)
    expect(whole.choices[0]?.message.content).not.toBe('')
    expect(whole.usage).toMatchObject({ prompt_tokens: 12, completion_tokens: 8 })
    let text = ''
    for await (const chunk of await openai.chat.completions.create({ ...ask, stream: true }))
      text += chunk.choices[0]?.delta.content ?? ''
    expect(text).toBe(whole.choices[0]?.message.content ?? '')
    const [first] = await inhouse.entries(2)
    expect(first).toMatchObject({ outcome: 'done', decodeMs: expect.any(Number) })
  })

  test('chats in its own words', async () => {
    let last
    let text = ''
    const stream = await native.chat({
      model: 'small',
      messages: question,
      stream: true,
      options: { num_predict: 8, temperature: 0 },
    })
    for await (const line of stream) {
      text += line.message.content
      last = line
    }
    expect(text).not.toBe('')
    expect(last).toMatchObject({ done: true, done_reason: 'length', eval_count: 8 })
  })

  test('keeps one set of options, and stays loaded as the row says', async () => {
    await native.chat({ model: 'small', messages: question, options: { num_predict: 1, num_ctx: 1024 } })
    const small = (await loaded()).find(({ name }) => name === 'small:latest')
    expect(small?.context_length).toBe(512)
    expect(Date.parse(small?.expires_at ?? '') - Date.now()).toBeGreaterThan(30 * 60_000)
  })

  test('calls a tool by itself, where its template knows them', async () => {
    const turns = ['Rome', 'Oslo', 'Bern'].flatMap((city, at): OpenAI.ChatCompletionMessageParam[] => {
      const id = `call_${at}`
      const call = { name: 'get_weather', arguments: JSON.stringify({ city }) }
      return [
        { role: 'user', content: `What is the weather in ${city}?` },
        { role: 'assistant', content: null, tool_calls: [{ id, type: 'function', function: call }] },
        { role: 'tool', tool_call_id: id, content: 'sunny' },
        { role: 'assistant', content: 'Sunny.' },
      ]
    })
    const answer = await openai.chat.completions.create({
      model: 'tooled',
      messages: [...turns, { role: 'user', content: 'What is the weather in Paris?' }],
      tools: [weather],
      max_tokens: 48,
      temperature: 0,
    })
    const [choice] = answer.choices
    expect(choice?.finish_reason).toBe('tool_calls')
    expect(choice?.message.tool_calls).toMatchObject([
      { type: 'function', function: { name: 'get_weather', arguments: '{"city":"Paris"}' } },
    ])
  })

  test.each(['small', 'tooled'])('%s calls what it must, whatever its template knows', async (model) => {
    const answer = await openai.chat.completions.create({
      ...ask,
      model,
      max_tokens: 48,
      tools: [weather],
      tool_choice: { type: 'function', function: { name: 'get_weather' } },
    })
    const [call] = answer.choices[0]?.message.tool_calls ?? []
    if (call?.type !== 'function') throw new Error('no tool was called')
    expect(JSON.parse(call.function.arguments)).toEqual({ city: 'Paris' })
  })

  test('goes elsewhere with tools that a template does not know', async () => {
    const failure = await failureOf(openai.chat.completions.create({ ...ask, tools: [weather] }))
    expect(failure).toMatchObject({ status: 400, param: 'tools' })
  })

  test('tells thoughts apart from the answer', async () => {
    const answer = await openai.chat.completions.create({ ...ask, model: 'thinker', reasoning_effort: 'low' })
    const message = answer.choices[0]?.message as { content: string; reasoning_content?: string }
    expect(message.reasoning_content).toBeTruthy()
  })

  test('completes a text without its template', async () => {
    const answer = await openai.completions.create({
      model: 'small',
      prompt: 'One, two, three,',
      max_tokens: 4,
      temperature: 0,
      logprobs: 1,
    })
    expect(answer.choices[0]?.text).toStartWith(' four')
    expect(answer.choices[0]?.logprobs?.tokens?.join('')).toBe(answer.choices[0]?.text ?? '')
  })

  test('gives vectors, as many and as long as asked for', async () => {
    const answer = await openai.embeddings.create({ model: 'small', input: ['one', 'two'], dimensions: 8 })
    expect(answer.data.map(({ embedding }) => embedding.length)).toEqual([8, 8])
    const { embeddings } = await native.embed({ model: 'small', input: 'one' })
    expect(embeddings[0]).toHaveLength(576)
  })

  test('says that its context is full, and never answers half of what was asked', async () => {
    const content = 'word '.repeat(900)
    const long = { ...ask, messages: [{ role: 'user' as const, content }] }
    const code = { status: 400, code: 'context_length_exceeded' }
    expect(await failureOf(openai.chat.completions.create(long))).toMatchObject(code)
    expect(await failureOf(openai.embeddings.create({ model: 'small', input: content }))).toMatchObject(code)
    expect(await failureOf(native.chat({ model: 'small', messages: long.messages }))).toMatchObject({
      status_code: 400,
      error: 'the input length exceeds the context length',
    })
  })

  test('an answer that meets the end of the context says so', async () => {
    const answer = await openai.chat.completions.create({
      ...ask,
      model: 'brief',
      max_tokens: 5000,
      response_format: { type: 'json_schema', json_schema: { name: 'endless', schema: endless } },
    })
    expect(answer.choices[0]?.finish_reason).toBe('length')
  })

  test('does not know every model', async () => {
    expect(await failureOf(openai.chat.completions.create({ ...ask, model: 'gone' }))).toMatchObject({
      status: 404,
    })
  })

  test('a model of its cloud is refused before a word of the call is sent', async () => {
    const created = await fetch(`${upstream.url}/api/create`, {
      method: 'POST',
      body: JSON.stringify({
        model: 'far',
        from: 'gpt-oss:20b',
        remote_host: 'https://ollama.com',
        stream: false,
      }),
    })
    expect(created.status).toBe(200)
    expect(await failureOf(openai.chat.completions.create({ ...ask, model: 'far' }))).toMatchObject({
      status: 403,
      code: 'cloud_model',
    })
  })

  test('a client that leaves stops it', async () => {
    const stream = await openai.chat.completions.create({
      ...ask,
      model: 'long',
      max_tokens: 40_000,
      stream: true,
      response_format: { type: 'json_schema', json_schema: { name: 'endless', schema: endless } },
    })
    const isLoaded = async () => (await loaded()).some(({ name }) => name === 'small:latest')
    for await (const _ of stream) {
      // It lets go of a model only when nobody is answered by it any more.
      const over = JSON.stringify({ model: 'small', keep_alive: 0 })
      await fetch(`${upstream.url}/api/generate`, { method: 'POST', body: over })
      expect(await isLoaded()).toBe(true)
      break
    }
    while (await isLoaded()) await Bun.sleep(20)
    for (let found = false; !found; await Bun.sleep(20))
      found = (await inhouse.entries(1)).some(({ outcome }) => outcome === 'left')
  })
})

describe.skipIf(process.env['INHOUSE_HEAVY'] === undefined)('the real Ollama, run by inhouse', () => {
  test(
    'answers whole and streamed, cuts no context, and is not loaded anew by its first calls',
    async () => {
      const [program, model] = [await ollamaProgram(), await realModel()]
      await using inhouse = await startTestApp(
        `backends: { here: { kind: managed } }
engines: { programs: { ollama: "${program}" } }
models: { small: { backend: here, engine: ollama, source: "file:${model}", context: 512, slots: 2 } }\n`,
      )
      await inhouse.app.settled
      const openai = new OpenAI({ baseURL: `${inhouse.app.url}/v1`, apiKey: inhouse.key, maxRetries: 0 })
      const saying = (content: string) => ({
        model: 'small',
        messages: [{ role: 'user' as const, content }],
        max_tokens: 8,
        temperature: 0,
      })
      const whole = await openai.chat.completions.create(saying('Say hello.'))
      let streamed = ''
      for await (const chunk of await openai.chat.completions.create({
        ...saying('Say hello.'),
        stream: true,
      }))
        streamed += chunk.choices[0]?.delta.content ?? ''
      expect(streamed).toBe(whole.choices[0]?.message.content ?? 'nothing')
      expect(streamed).not.toBe('')
      const refused = await openai.chat.completions
        .create(saying('word '.repeat(2000)))
        .catch((thrown: unknown) => thrown)
      expect(refused).toMatchObject({ status: 400, code: 'context_length_exceeded' })

      const log = await Bun.file(logPath(inhouse.home, 'small')).text()
      expect(log.match(/"starting runner".* --model /g)).toHaveLength(1)
      const [first] = await inhouse.entries(3)
      const tokens = whole.usage?.prompt_tokens
      expect(first).toMatchObject({ backend: 'here', usage: { input: { source: 'reported', tokens } } })
    },
    buildTimeoutMs,
  )
})
