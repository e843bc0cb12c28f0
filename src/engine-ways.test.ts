import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdir, rm, symlink } from 'node:fs/promises'

import { OpenAI } from 'openai'

import { startApp, type App } from './app.ts'
import { loadConfig } from './config/index.ts'
import { writeInfillModel } from './testing/infill-model.ts'
import { fetchTimeoutMs, realEngine, realModel, testHome } from './testing/real-engine.ts'

/**
 * What llama-server can beside chats, with the real one. The small model was made for none of it: its file is given
 * token ids for text in between, and it ranks by its plain output. So these show the ways, not that the answers are good.
 */
const home = `${testHome}/ways`
let app: App
let key: string

beforeAll(async () => {
  const model = await realModel()
  await rm(home, { recursive: true, force: true })
  await mkdir(home, { recursive: true })
  await realEngine()
  await symlink(`${testHome}/engines`, `${home}/engines`)
  await writeInfillModel(model, `${home}/infill.gguf`, [3, 4, 5])
  const row = { backend: 'here', context: 512, slots: 1 }
  const models = {
    plain: { ...row, source: `file:${model}` },
    between: { ...row, source: `file:${home}/infill.gguf` },
    ranker: { ...row, source: `file:${model}`, pooling: 'rank' },
  }
  const file = `${home}/inhouse.yaml`
  await Bun.write(file, JSON.stringify({ backends: { here: { kind: 'managed' } }, models }))
  const read = () => loadConfig({ file, env: {}, flags: { listen: '127.0.0.1:0' }, home, cwd: home })
  const quiet = { info: () => {}, warn: () => {}, error: () => {} }
  app = await startApp({ loaded: read(), reread: read, log: quiet, onProgress: () => {}, env: process.env })
  await app.settled
  key = (await Bun.file(`${home}/key`).text()).trim()
}, fetchTimeoutMs)

afterAll(async () => {
  await app.stop()
  await rm(home, { recursive: true, force: true })
})

const post = (path: string, body: object): Promise<Response> =>
  fetch(app.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify(body),
  })

test('documents are ranked, each score under its document’s place', async () => {
  const documents = ['The capital of France is Paris.', { text: 'Bees make honey.' }, 'One.']
  const body = { model: 'ranker', query: 'Where is Paris?', documents, return_documents: true, top_n: 2 }
  const response = await post('/v1/rerank', body)
  const { results, usage } = (await response.json()) as {
    results: { index: number; relevance_score: number; document: { text: string } }[]
    usage: { prompt_tokens: number }
  }
  expect(results).toHaveLength(2)
  const [first, second] = results
  expect(first?.relevance_score).toBeGreaterThanOrEqual(second?.relevance_score ?? Infinity)
  const texts = documents.map((each) => (typeof each === 'string' ? each : each.text))
  for (const { index, document } of results) expect(document.text).toBe(texts[index] ?? '')
  expect(usage.prompt_tokens).toBeGreaterThan(0)
})

test('an engine that does not rank says so, and is not held to be ill', async () => {
  const response = await post('/v1/rerank', { model: 'plain', query: 'a', documents: ['b'] })
  expect(response.status).toBe(400)
  expect(await response.text()).toMatch(/does not support reranking/)
})

test('tokens are told, given back as text, and counted in every dialect alike', async () => {
  const text = 'Grüße, 日本!'
  const tokens = await post('/tokenize', { model: 'plain', content: text })
  const told = (await tokens.json()) as { tokens: number[]; count: number }
  expect(told.count).toBe(told.tokens.length)
  const back = await post('/detokenize', { model: 'plain', tokens: told.tokens })
  expect(await back.json()).toMatchObject({ content: text })

  const openai = new OpenAI({ baseURL: `${app.url}/v1`, apiKey: key, maxRetries: 0 })
  const counted = await openai.responses.inputTokens.count({ model: 'plain', input: text })
  expect(counted.input_tokens).toBeGreaterThan(told.count)
  const messages = [{ role: 'user' as const, content: text }]
  for (const path of ['/v1/chat/completions/input_tokens', '/v1/messages/count_tokens']) {
    const response = await post(path, { model: 'plain', messages, max_tokens: 1 })
    expect(await response.json()).toMatchObject({ input_tokens: counted.input_tokens })
  }
  const answer = await openai.chat.completions.create({ model: 'plain', messages, max_tokens: 1 })
  expect(answer.usage?.prompt_tokens).toBe(counted.input_tokens)
})

test('text in between is written, whichever way an editor asks for it', async () => {
  const ask = { model: 'between', temperature: 0, seed: 1 }
  const openai = new OpenAI({ baseURL: `${app.url}/v1`, apiKey: key, maxRetries: 0 })
  const whole = await openai.completions.create({
    ...ask,
    prompt: 'One, two, ',
    suffix: ' four',
    max_tokens: 4,
  })
  // Its three tokens stand between and around the two texts: more than the texts alone.
  const alone = await post('/tokenize', { model: 'between', content: 'One, two,  four' })
  const { count } = (await alone.json()) as { count: number }
  expect(whole.usage?.prompt_tokens).toBeGreaterThanOrEqual(count + 3)
  let streamed = ''
  for await (const chunk of await openai.completions.create({
    ...ask,
    prompt: 'One, two, ',
    suffix: ' four',
    max_tokens: 4,
    stream: true,
  }))
    streamed += chunk.choices[0]?.text ?? ''
  expect(streamed).toBe(whole.choices[0]?.text ?? 'nothing')
  const native = await post('/infill', {
    ...ask,
    input_prefix: 'One, two, ',
    input_suffix: ' four',
    n_predict: 4,
  })
  expect(await native.json()).toMatchObject({ content: streamed, stop: true })
  const asked = { ...ask, prompt: 'One, two, ', suffix: ' four', max_tokens: 4 }
  const fim = await post('/v1/fim/completions', asked)
  expect(await fim.json()).toMatchObject({ choices: [{ message: { content: streamed } }] })
})

test('a model without tokens for it refuses, and says which are missing', async () => {
  const response = await post('/v1/completions', { model: 'plain', prompt: 'a', suffix: 'b', max_tokens: 2 })
  expect(response.status).toBe(400)
  const { error } = (await response.json()) as { error: { code: string; message: string } }
  expect([error.code, error.message]).toEqual([
    'unsupported',
    expect.stringContaining('prefix token is missing'),
  ])
})

test('tools that the template does not show are told', async () => {
  const tools = [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }]
  const body = { model: 'plain', messages: [{ role: 'user', content: 'hi' }], tools, max_tokens: 1 }
  const response = await post('/v1/chat/completions', body)
  expect(response.headers.get('x-inhouse-warning')).toBe('tools')
})
