import { describe, expect, test } from 'bun:test'

import type { Behaviour, Outgoing } from '../../core/backend.ts'
import { Failure } from '../../core/failure.ts'
import { builtInPlaces } from '../../core/place.ts'
import type { ChatPrompt, Prompt } from '../../core/request.ts'
import type { Dialect } from '../../core/operation.ts'
import { chatOf, jsonOf, requestOf, targetOf, textOf } from '../../testing/asking.ts'
import { turnsDuring } from '../../testing/turns.ts'
import { ollama } from './ollama.ts'

const capable = { capabilities: ['completion', 'tools', 'vision', 'thinking', 'insert'] }

/** A backend whose Ollama says this of every model, and answers nothing else. */
const backendOf = (shown: object, row: object = {}) =>
  ollama.create(
    'gpu',
    { kind: 'ollama', url: 'http://127.0.0.1:11434', ...row },
    {
      place: builtInPlaces.local,
      send: async () => ({
        status: 200,
        header: () => 'application/json',
        body: {
          read: async () => undefined,
          all: async () => new TextEncoder().encode(JSON.stringify(shown)),
          cancel: () => undefined,
        },
      }),
    },
  )

/** What a call becomes; `shown` is what Ollama says of the model. */
const sentFor = async (
  request: ReturnType<typeof requestOf>,
  { shown = capable, row = {}, behaviour = {} }: { shown?: object; row?: object; behaviour?: Behaviour } = {},
): Promise<Outgoing> => backendOf(shown, row).outgoing(request, targetOf('m', behaviour))

const same = (dialect: Dialect, body: string) => requestOf(dialect, body)
const prompted = (prompt: Prompt) =>
  requestOf(prompt.kind === 'embed' ? 'openai-embeddings' : 'openai-completions', { model: 'a' }, prompt)
const chat = (prompt: Partial<ChatPrompt>) =>
  chatOf('openai-chat', { messages: [{ role: 'user', parts: [{ type: 'text', text: 'hi' }] }], ...prompt })

const failureOf = async (sent: Promise<Outgoing>): Promise<unknown> =>
  sent.then(
    () => undefined,
    (thrown) => thrown,
  )

const weather = {
  name: 'get_weather',
  description: 'The weather',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
}

describe('a call in Ollama’s own words', () => {
  const body =
    '{"model":"m", "messages":[{"role":"user","content":"hi","odd":1.0}],"stream":true,"keep_alive":"5m",' +
    '"truncate":true,"shift":true,"options":{"seed":12345678901234567890}}'

  test('goes out byte for byte where nothing has to change', async () => {
    const sent = await sentFor(same('ollama-chat', body))
    expect(textOf(sent)).toBe(body)
    expect(sent).toMatchObject({ path: '/api/chat', dialect: 'ollama-chat', stream: true, warnings: [] })
  })

  test.each([
    ['ollama-chat', '/api/chat', { truncate: false, shift: false }],
    ['ollama-generate', '/api/generate', { truncate: false, shift: false }],
    ['ollama-embed', '/api/embed', { truncate: false }],
    ['ollama-embeddings', '/api/embeddings', { truncate: false }],
  ] as const)('never has its context cut in silence: %s', async (dialect, path, expected) => {
    const sent = await sentFor(same(dialect, '{"model":"m","stream":true}'))
    expect(sent.path).toBe(path)
    expect(jsonOf(sent)).toEqual({ model: 'm', stream: true, ...expected })
  })

  test('has its system text after the row’s, in the field of its path', async () => {
    const behaviour = { system: 'S' }
    const asked = same('ollama-chat', '{"model":"m","messages":[{"role":"system","content":"own"}]}')
    expect(jsonOf(await sentFor(asked, { behaviour }))['messages']).toEqual([
      { role: 'system', content: 'S\n\nown' },
    ])
    const generated = {
      ...same('ollama-generate', '{"model":"m","prompt":"p","system":"own"}'),
      operation: 'chat',
    } as const
    expect(jsonOf(await sentFor(generated, { behaviour }))['system']).toBe('S\n\nown')
    const raw = await sentFor(same('ollama-generate', '{"model":"m","prompt":"p","raw":true}'), { behaviour })
    expect(raw.warnings).toEqual(['system'])
  })
})

describe('one set of options for each model, since another loads it anew', () => {
  const asks = (options: object) => same('ollama-chat', JSON.stringify({ model: 'm', stream: true, options }))

  test('a row that says its context decides them all, and a client that wants others is told', async () => {
    const behaviour = { context: 2048, extra: { options: { num_thread: 2 } } }
    const sent = await sentFor(asks({ num_ctx: 9999, num_thread: 2, num_gpu: 1, mirostat: 1 }), { behaviour })
    expect(jsonOf(sent)['options']).toEqual({ num_ctx: 2048, num_thread: 2, mirostat: 1 })
    expect(sent.warnings).toEqual(['options.num_ctx', 'options.num_gpu'])
  })

  test('a row that says none leaves them to the client', async () => {
    const sent = await sentFor(asks({ num_ctx: 9999 }))
    expect(jsonOf(sent)['options']).toEqual({ num_ctx: 9999 })
    expect(sent.warnings).toEqual([])
  })

  test('a context of 0 is what the model was trained with', async () => {
    const shown = { model_info: { 'general.architecture': 'llama', 'llama.context_length': 8192 } }
    const sent = await sentFor(chat({}), { shown, behaviour: { context: 0 } })
    expect(jsonOf(sent)['options']).toEqual({ num_ctx: 8192 })
  })

  test('defaults stand where the client says nothing, and the lower limit counts', async () => {
    const behaviour: Behaviour = {
      defaults: { temperature: 0.5, seed: 7, maxOutputTokens: 50 },
      limits: { maxOutputTokens: 20 },
      stop: ['END'],
    }
    const sent = await sentFor(asks({ temperature: 1, num_predict: -1, stop: ['own'] }), { behaviour })
    expect(jsonOf(sent)['options']).toEqual({
      temperature: 1,
      num_predict: 20,
      seed: 7,
      stop: ['own', 'END'],
    })
  })

  test('a model stays loaded as the row says, unless the client or the model’s row says otherwise', async () => {
    const row = { keepAlive: '24h' }
    const kept = async (request: ReturnType<typeof requestOf>, behaviour: Behaviour = {}) =>
      jsonOf(await sentFor(request, { row, behaviour }))['keep_alive']
    expect(await kept(chat({}))).toBe('24h')
    expect(await kept(chat({}), { extra: { keep_alive: 0 } })).toBe(0)
    expect(await kept(same('ollama-chat', '{"model":"m","keep_alive":"1m"}'))).toBe('1m')
  })
})

describe('a chat of another dialect', () => {
  test('is said in Ollama’s words', async () => {
    const sent = await sentFor(
      chat({
        messages: [
          { role: 'system', parts: [{ type: 'text', text: 'Be brief.' }] },
          {
            role: 'user',
            parts: [
              { type: 'text', text: 'Look.' },
              { type: 'image', source: { mediaType: 'image/png', data: 'iVBOR' } },
            ],
          },
          {
            role: 'assistant',
            parts: [
              { type: 'reasoning', text: 'Hm.' },
              { type: 'tool-call', id: 'c1', name: 'get_weather', input: '{"city":"Köln","n":1.0}' },
            ],
          },
          {
            role: 'user',
            parts: [{ type: 'tool-result', id: 'c1', parts: [{ type: 'text', text: 'sunny' }] }],
          },
        ],
        tools: [weather],
        responseFormat: { type: 'json-schema', name: 'x', schema: { type: 'object' } },
        maxOutputTokens: 9,
        temperature: 0,
        topK: 3,
        stop: ['\n'],
        frequencyPenalty: 0.5,
        logprobs: true,
        topLogprobs: 2,
      }),
    )
    expect(jsonOf(sent)).toEqual({
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Look.', images: ['iVBOR'] },
        {
          role: 'assistant',
          content: '',
          thinking: 'Hm.',
          tool_calls: [
            { id: 'c1', function: { index: 0, name: 'get_weather', arguments: { city: 'Köln', n: 1 } } },
          ],
        },
        { role: 'tool', content: 'sunny', tool_name: 'get_weather', tool_call_id: 'c1' },
      ],
      tools: [{ type: 'function', function: weather }],
      format: { type: 'object' },
      logprobs: true,
      top_logprobs: 2,
      options: { num_predict: 9, temperature: 0, top_k: 3, stop: ['\n'], frequency_penalty: 0.5 },
      model: 'm',
      truncate: false,
      shift: false,
    })
    expect(sent).toMatchObject({ path: '/api/chat', stream: true, dialect: 'ollama-chat', warnings: [] })
  })

  test('names what Ollama has no word for', async () => {
    const sent = await sentFor(
      chat({ user: 'u', parallelToolCalls: false, reasoningBudgetTokens: 99, rest: { logit_bias: {} } }),
    )
    expect(sent.warnings.toSorted()).toEqual([
      'logit_bias',
      'parallel_tool_calls',
      'thinking.budget_tokens',
      'user',
    ])
  })

  test.each([
    ['n', chat({ choices: 2 })],
    [
      'messages',
      chat({ messages: [{ role: 'user', parts: [{ type: 'image', source: { url: 'https://x/y.png' } }] }] }),
    ],
    ['prompt', prompted({ kind: 'complete', prompts: ['a', 'b'], rest: {} })],
    ['prompt', prompted({ kind: 'complete', prompts: [[1, 2]], rest: {} })],
    ['prompt', prompted({ kind: 'complete', prompts: [''], rest: {} })],
    ['echo', prompted({ kind: 'complete', prompts: ['a'], echo: true, rest: {} })],
    ['input', prompted({ kind: 'embed', inputs: [[1, 2]], encoding: 'float', rest: {} })],
  ])('is refused where leaving %s out would change what is asked', async (param, request) => {
    const failure = await failureOf(sentFor(request))
    expect(failure).toBeInstanceOf(Failure)
    expect(failure).toMatchObject({ code: 'unsupported', facts: { param } })
  })

  test.each([
    ['tools', chat({ tools: [weather] })],
    [
      'messages',
      chat({
        messages: [
          { role: 'user', parts: [{ type: 'image', source: { mediaType: 'image/png', data: 'i' } }] },
        ],
      }),
    ],
  ])('goes elsewhere where the model has no %s', async (param, request) => {
    const shown = { capabilities: ['completion'] }
    expect(await failureOf(sentFor(request, { shown }))).toMatchObject({
      code: 'unsupported',
      canGoElsewhere: true,
      facts: { param },
    })
  })

  test.each([
    ['high', capable, true, []],
    ['none', capable, false, []],
    [undefined, capable, undefined, []],
    ['high', { capabilities: ['completion'] }, undefined, ['reasoning_effort']],
    ['none', { capabilities: ['completion'] }, undefined, []],
    ['minimal', { ...capable, details: { family: 'gptoss' } }, 'low', []],
    ['xhigh', { ...capable, details: { family: 'gpt-oss' } }, 'high', []],
    ['none', { ...capable, details: { family: 'gptoss' } }, 'low', ['reasoning_effort']],
  ])('thinks as far as its model can: %p of %p', async (reasoningEffort, shown, think, warnings) => {
    const sent = await sentFor(chat(reasoningEffort === undefined ? {} : { reasoningEffort }), { shown })
    expect(jsonOf(sent)['think']).toEqual(think)
    expect(sent.warnings).toEqual(warnings)
  })

  test('is asked for a call that must come by its schema, with or without a template that knows tools', async () => {
    const request = chat({ tools: [weather], toolChoice: { name: 'get_weather' } })
    const sent = jsonOf(await sentFor(request))
    expect(sent['format']).toEqual(weather.parameters)
    expect(sent['tools']).toBeArray()
    const without = await sentFor(request, { shown: { capabilities: ['completion'] } })
    expect(jsonOf(without)['format']).toEqual(weather.parameters)
    expect(jsonOf(without)['tools']).toBeUndefined()
    expect(without.mustEncode).toBe(true)
  })

  test('shows no tools where none may be called', async () => {
    const sent = await sentFor(chat({ tools: [weather], toolChoice: 'none' }))
    expect(jsonOf(sent)).not.toHaveProperty('tools')
  })
})

test.each([
  [{ prompts: ['One,'] }, { prompt: 'One,', raw: true, options: {} }],
  [
    { prompts: ['a ='], suffix: ';', logprobs: 0, maxOutputTokens: 4 },
    { prompt: 'a =', suffix: ';', logprobs: true, options: { num_predict: 4 } },
  ],
])(
  'a completion goes without the chat template, or fills in before its suffix: %p',
  async (said, expected) => {
    const sent = await sentFor(prompted({ kind: 'complete', rest: {}, ...said }))
    expect(jsonOf(sent)).toEqual({ ...expected, model: 'm', truncate: false, shift: false } as never)
    expect(sent.path).toBe('/api/generate')
  },
)

test('texts become vectors in one call, which no model streams', async () => {
  const sent = await sentFor(
    prompted({ kind: 'embed', inputs: ['one'], encoding: 'base64', dimensions: 8, rest: {} }),
  )
  expect(jsonOf(sent)).toEqual({ input: ['one'], dimensions: 8, model: 'm', truncate: false })
  expect(sent).toMatchObject({ path: '/api/embed', stream: false })
})

test('a large body of another dialect is said anew in turns', async () => {
  const text = 'word '.repeat(200)
  const body = { model: 'm', messages: Array.from({ length: 5000 }, () => ({ role: 'user', content: text })) }
  const parts = [{ type: 'text', text }] as const
  const messages = body.messages.map(() => ({ role: 'user', parts }) as const)
  const request = requestOf('openai-chat', body, { kind: 'chat', messages, rest: {} })
  const backend = backendOf(capable)
  await backend.outgoing(chat({}), targetOf('m'))
  const written = Promise.resolve(backend.outgoing(request, targetOf('other name')))
  expect(await turnsDuring(written)).toBeGreaterThan(1)
  expect(jsonOf(await written)).toMatchObject({ ...body, model: 'other name', truncate: false })
})

test('a whole answer is asked for as a stream, unless the row says otherwise', async () => {
  const asked = same('ollama-chat', '{"model":"m","stream":false}')
  expect(jsonOf(await sentFor(asked))['stream']).toBe(true)
  expect(jsonOf(await sentFor(asked, { row: { ask: 'same' } }))['stream']).toBe(false)
})

test.each([
  [400, '{"error":"the input length exceeds the context length"}', 'context_exceeded'],
  [500, '{"error":"the input length exceeds the context length"}', 'context_exceeded'],
  [400, '{"error":"prompt is longer than the context length of 4096"}', 'context_exceeded'],
  [400, '{"error":"registry.ollama.ai/library/m:latest does not support tools"}', 'unsupported'],
  [404, '{"error":"model \'m\' not found"}', 'upstream_not_found'],
  [
    503,
    '{"error":"server busy, please try again.  maximum pending requests exceeded"}',
    'upstream_overloaded',
  ],
  [403, '', 'upstream_forbidden'],
  [500, '{"error":"llama runner process has terminated"}', 'upstream_failed'],
] as const)('%d %s is %s, and a client of Ollama’s sees it as it came', async (status, text, code) => {
  const backend = backendOf(capable)
  const sent = await backend.outgoing(chat({}), targetOf('m'))
  const body = new TextEncoder().encode(text)
  const failure = backend.failure(sent, status, undefined, body)
  expect(failure.code).toBe(code)
  expect(failure.facts.upstream?.body).toEqual(body)
})

test('an Ollama that refuses the name it is called by says what to do', async () => {
  const backend = backendOf(capable)
  const sent = await backend.outgoing(chat({}), targetOf('m'))
  expect(backend.failure(sent, 403, undefined, new Uint8Array()).help).toContain('127.0.0.1:11434')
})

test.each([
  ['http://127.0.0.1:11434', 'local'],
  ['http://gpu1:11434', 'local'],
  ['https://ollama.com', 'cloud'],
])('%s is %s', (url, place) => {
  expect(ollama.placeOf({ kind: 'ollama', url })).toBe(place)
})
