import { afterAll, beforeAll, expect, test } from 'bun:test'

import { FakeModel, type Received, type Script } from './testing/fake-model.ts'
import { geminiStreams } from './testing/gemini-streams.ts'
import { startTestApp, type TestApp } from './testing/test-app.ts'

/** A model at Google, through every surface: what it gave with a call is there when the call comes back. */
let model: FakeModel
let inhouse: TestApp
let script: (request: Received) => Script
let asked: Received[] = []

beforeAll(async () => {
  model = await FakeModel.start((request) => {
    asked.push(request)
    return script(request)
  })
  inhouse = await startTestApp(`
retries: { attempts: 1 }
health: { failuresToOpen: 1000 }
backends: { google: { kind: gemini, url: ${model.url}/v1beta, apiKey: sesame, place: local } }
models: { m: { backend: google, model: gemini-3-flash }, e: { backend: google, model: gemini-embedding-001 } }`)
})

afterAll(async () => {
  await inhouse[Symbol.asyncDispose]()
  await model[Symbol.asyncDispose]()
})

const textOf = (file: string): string =>
  geminiStreams.find((each) => each.file === `gemini/${file}`)?.text ?? ''
const events = (body: string): Script => ({
  headers: { 'content-type': 'text/event-stream' },
  chunks: [body],
})
const streamed = (file: string) => (): Script => events(textOf(file))
const whole = (file: string) => (): Script => ({ chunks: [textOf(file)] })

async function post<T>(path: string, body: object): Promise<T & { readonly status: number }> {
  const response = await inhouse.post(path, body)
  return { ...((await response.json()) as T), status: response.status }
}

interface Contents {
  readonly contents: readonly { readonly role: string; readonly parts: readonly object[] }[]
}

/** What Gemini was asked with this call. */
function contentsOf(number: number): Contents['contents'] {
  const call = asked[number]
  if (call === undefined) throw new Error('Nobody was asked.')
  return (call.json() as unknown as Contents).contents
}

interface Call {
  readonly id: string
}

interface Completion {
  readonly choices: readonly { readonly message: { readonly tool_calls: readonly Call[] } }[]
}

interface OpenResponse {
  readonly output: readonly { readonly type: string; readonly call_id?: string }[]
}

interface AnthropicMessage {
  readonly content: readonly { readonly type: string; readonly id?: string }[]
}

interface OllamaAnswer {
  readonly message: { readonly tool_calls: readonly Call[] }
}

const tool = { name: 'get_weather', description: 'd', parameters: { type: 'object', properties: {} } }
const functionTool = { type: 'function', function: tool }
const question = { role: 'user', content: 'Weather and time?' }

const toolMessages = (calls: readonly Call[] = []) =>
  calls.map(({ id }) => ({ role: 'tool', tool_call_id: id, content: 'R' }))

/** Asks, answers the calls as the dialect's clients do, and asks again. */
const dialects: Record<string, () => Promise<unknown>> = {
  'openai-chat': async () => {
    const shared = { model: 'm', tools: [functionTool] }
    const first = await post<Completion>('/v1/chat/completions', { ...shared, messages: [question] })
    const message = first.choices[0]?.message
    const messages = [question, message, ...toolMessages(message?.tool_calls)]
    return post('/v1/chat/completions', { ...shared, messages })
  },
  'openai-responses': async () => {
    const include = ['reasoning.encrypted_content']
    const shared = { model: 'm', tools: [{ type: 'function', ...tool }], include, store: false }
    const { output } = await post<OpenResponse>('/v1/responses', { ...shared, input: [question] })
    const results = output
      .filter(({ type }) => type === 'function_call')
      .map(({ call_id: id }) => ({ type: 'function_call_output', call_id: id, output: 'R' }))
    return post('/v1/responses', { ...shared, input: [question, ...output, ...results] })
  },
  'anthropic-messages': async () => {
    const shared = { model: 'm', max_tokens: 99, tools: [{ name: tool.name, input_schema: tool.parameters }] }
    const { content } = await post<AnthropicMessage>('/v1/messages', { ...shared, messages: [question] })
    const results = content
      .filter(({ type }) => type === 'tool_use')
      .map(({ id }) => ({ type: 'tool_result', tool_use_id: id, content: 'R' }))
    const messages = [question, { role: 'assistant', content }, { role: 'user', content: results }]
    return post('/v1/messages', { ...shared, messages })
  },
  'ollama-chat': async () => {
    const shared = { model: 'm', stream: false, tools: [functionTool] }
    const { message } = await post<OllamaAnswer>('/api/chat', { ...shared, messages: [question] })
    return post('/api/chat', {
      ...shared,
      messages: [question, message, ...toolMessages(message.tool_calls)],
    })
  },
}

test.each(Object.entries(dialects))(
  'a call that goes through %s comes back with its id and its signature',
  async (_dialect, converse) => {
    script = streamed('tools.sse')
    asked = []
    expect(await converse()).toMatchObject({ status: 200 })
    expect(contentsOf(1).slice(1)).toEqual([
      {
        role: 'model',
        parts: [
          { text: 'Let me sée.' },
          {
            functionCall: { id: '8f2b1a3c', name: 'get_weather', args: { city: 'Köln' } },
            thoughtSignature: 'EqsBCqgB+/8=',
          },
          { functionCall: { id: '9d4c', name: 'get_time', args: {} } },
        ],
      },
      {
        role: 'user',
        parts: [
          { functionResponse: { id: '8f2b1a3c', name: 'get_weather', response: { output: 'R' } } },
          { functionResponse: { id: '9d4c', name: 'get_time', response: { output: 'R' } } },
        ],
      },
    ])
  },
)

test('a signature on words comes back through the dialects that carry thoughts', async () => {
  script = streamed('text.sse')
  const signed = { text: '', thoughtSignature: 'CiQBcsjafA+/==' }
  const shared = { model: 'm', max_tokens: 9 }
  const { content } = await post<AnthropicMessage>('/v1/messages', { ...shared, messages: [question] })
  asked = []
  await post('/v1/messages', {
    ...shared,
    messages: [question, { role: 'assistant', content }, question],
  })
  expect(contentsOf(0)[1]?.parts).toEqual([{ text: 'Grüß Gott 🌟' }, signed])
  const include = ['reasoning.encrypted_content']
  const { output } = await post<OpenResponse>('/v1/responses', {
    model: 'm',
    input: [question],
    include,
    store: false,
  })
  asked = []
  await post('/v1/responses', { model: 'm', input: [question, ...output, question], store: false })
  expect(contentsOf(0)[1]?.parts).toEqual([{ text: 'Grüß Gott 🌟' }, signed])
})

test('a prompt that Google blocks is refused, streamed or whole, in the client’s dialect', async () => {
  const blocked = JSON.stringify(JSON.parse(textOf('blocked.json')))
  for (const stream of [true, false]) {
    script = stream ? () => events(`data: ${blocked}\r\n\r\n`) : whole('blocked.json')
    const chat = await post('/v1/chat/completions', { model: 'm', stream, messages: [question] })
    expect(chat).toMatchObject({ status: 400, error: { code: 'content_refused' } })
    const message = await post('/v1/messages', { model: 'm', max_tokens: 9, stream, messages: [question] })
    expect(message).toMatchObject({ status: 400, type: 'error' })
  }
})

test('words that Google’s filter cut off say so', async () => {
  script = streamed('filtered.sse')
  const chat = await post('/v1/chat/completions', { model: 'm', messages: [question] })
  expect(chat).toMatchObject({
    choices: [{ message: { content: 'To make' }, finish_reason: 'content_filter' }],
  })
})

test('several answers come beside each other, and what there is no word for is shown', async () => {
  script = whole('choices.json')
  const answer = await post('/v1/chat/completions', { model: 'm', n: 2, messages: [question] })
  expect(answer).toMatchObject({
    choices: [
      { message: { content: 'Red', untranslated: [{ value: { citationMetadata: {} } }] } },
      { message: { content: 'Blue', untranslated: [{ value: { executableCode: { code: 'print(1)' } } }] } },
    ],
    usage: { prompt_tokens: 9, completion_tokens: 2 },
  })
})

test('texts become vectors, and a chat is counted', async () => {
  script = whole('embed.json')
  expect(await post('/v1/embeddings', { model: 'e', input: ['a', 'b'] })).toMatchObject({
    data: [{ embedding: [0.25, -0.5] }, { embedding: [1, 0] }],
    usage: { prompt_tokens: 6, total_tokens: 6 },
  })
  script = whole('count.json')
  const counted = await post('/v1/messages/count_tokens', { model: 'm', messages: [question] })
  expect(counted).toMatchObject({ status: 200, input_tokens: 31 })
})

test('the key goes in Google’s header, and what Google says of it to nobody', async () => {
  asked = []
  script = () => ({
    status: 400,
    chunks: [
      '{"error":{"code":400,"message":"API key not valid: sesame","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}',
    ],
  })
  const answer = await post('/v1/chat/completions', { model: 'm', messages: [question] })
  expect(answer).toMatchObject({ status: 502, error: { code: 'upstream_auth' } })
  expect(JSON.stringify(answer)).not.toContain('sesame')
  expect(asked[0]?.headers['x-goog-api-key']).toBe('sesame')
})

test('a stream that is cut before its finish is no whole answer', async () => {
  const [cut = ''] = textOf('text.sse').split('\r\n\r\n')
  script = () => events(`${cut}\r\n\r\n`)
  const answer = await post('/v1/chat/completions', { model: 'm', messages: [question] })
  expect(answer).toMatchObject({ status: 502, error: { code: 'upstream_cut' } })
})
