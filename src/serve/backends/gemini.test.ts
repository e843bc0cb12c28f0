import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'

import { Failure } from '../../core/failure.ts'
import { builtInPlaces } from '../../core/place.ts'
import type { ChatPrompt, Message, Part } from '../../core/request.ts'
import { chatOf, jsonOf, outgoingOf, requestOf, targetOf } from '../../testing/asking.ts'
import { turnsDuring } from '../../testing/turns.ts'
import { callId, sealPart } from './gemini-seal.ts'
import { gemini } from './gemini.ts'

const backend = gemini.create(
  'google',
  { kind: 'gemini', url: 'https://generativelanguage.googleapis.com/v1beta', apiKey: 'k' },
  {
    place: builtInPlaces.cloud,
    send: () => Promise.reject(new Error('no socket here')),
    clock: { now: () => 0 },
  },
)

const text = (said: string): Part => ({ type: 'text', text: said })
const user = (said: string): Message => ({ role: 'user', parts: [text(said)] })
const ask = (prompt: Partial<ChatPrompt>) => chatOf('openai-chat', { messages: [user('hi')], ...prompt })
const sent = (prompt: Partial<ChatPrompt>, model = 'gemini-3-flash', behaviour = {}) =>
  outgoingOf(backend, ask(prompt), targetOf(model, behaviour))

const thrownBy = (act: () => unknown): Failure => {
  try {
    act()
  } catch (thrown) {
    if (thrown instanceof Failure) return thrown
  }
  throw new Error('Nothing was refused.')
}

test('goes to its own API, with the key in Google’s header', async () => {
  const opening = await backend.open(targetOf('m'), new AbortController().signal)
  expect(opening.headers).toEqual({ 'x-goog-api-key': 'k' })
  expect(sent({})).toMatchObject({ path: '/models/gemini-3-flash:generateContent', stream: false })
  const streamed = outgoingOf(backend, { ...ask({}), stream: true }, targetOf('tunedModels/a b'))
  expect(streamed).toMatchObject({
    path: '/tunedModels/a%20b:streamGenerateContent?alt=sse',
    stream: true,
    headers: { accept: 'text/event-stream' },
  })
  expect(sent({}, 'evil?x#y').path).toBe('/models/evil%3Fx%23y:generateContent')
})

test.each(['../evil', 'gemini-x/../../../v1/evil', 'models/../tunedModels/other', 'models/.', '..'])(
  'the model’s name %s leads the key to no other path',
  (model) => {
    for (const operation of ['chat', 'count'] as const) {
      const request = { ...ask({}), operation }
      const failure = thrownBy(() => outgoingOf(backend, request, targetOf(model)))
      expect([failure.code, failure.facts.param]).toEqual(['unsupported', 'model'])
    }
  },
)

describe('a chat', () => {
  test('is said in Gemini’s words', () => {
    const call = callId('made', { id: 'id1', signature: 'c2ln' })
    const made = sent({
      messages: [
        { role: 'system', parts: [text('A')] },
        user('hi'),
        { role: 'system', parts: [text('B')] },
        {
          role: 'assistant',
          parts: [
            { type: 'reasoning', text: 'hm', signature: sealPart('thought', 'dGg=') },
            text('Let me look.'),
            { type: 'reasoning', text: '', signature: sealPart('text', 'dHg=') },
            { type: 'tool-call', id: call, name: 'f', input: '{"a":1}' },
            { type: 'tool-call', id: 'c2', name: 'g', input: '' },
          ],
        },
        { role: 'user', parts: [{ type: 'tool-result', id: call, parts: [text('R1')] }] },
        user('go on'),
        {
          role: 'user',
          parts: [
            {
              type: 'tool-result',
              id: 'c2',
              isError: true,
              parts: [text('R2'), { type: 'image', source: { mediaType: 'image/png', data: 'AA==' } }],
            },
          ],
        },
        { role: 'user', parts: [{ type: 'image', source: { url: 'https://example.com/a.JPG?b' } }] },
      ],
      tools: [{ name: 'f', description: 'd', parameters: { type: 'object' } }, { name: 'g' }],
      toolChoice: { name: 'f' },
      responseFormat: { type: 'json-schema', name: 'x', schema: { type: 'object' } },
      maxOutputTokens: 9,
      temperature: 0.5,
      topP: 0.9,
      topK: 3,
      seed: 4,
      frequencyPenalty: 0.1,
      presencePenalty: 0.2,
      stop: ['X'],
      choices: 2,
      logprobs: true,
      topLogprobs: 5,
    })
    expect(jsonOf(made)).toEqual({
      systemInstruction: { parts: [{ text: 'A' }, { text: 'B' }] },
      contents: [
        { role: 'user', parts: [{ text: 'hi' }] },
        {
          role: 'model',
          parts: [
            { text: 'hm', thought: true, thoughtSignature: 'dGg=' },
            { text: 'Let me look.', thoughtSignature: 'dHg=' },
            { functionCall: { id: 'id1', name: 'f', args: { a: 1 } }, thoughtSignature: 'c2ln' },
            { functionCall: { name: 'g', args: {} } },
          ],
        },
        {
          role: 'user',
          parts: [
            { functionResponse: { id: 'id1', name: 'f', response: { output: 'R1' } } },
            { functionResponse: { name: 'g', response: { error: 'R2' } } },
            { text: 'go on' },
            { inlineData: { mimeType: 'image/png', data: 'AA==' } },
            { fileData: { fileUri: 'https://example.com/a.JPG?b', mimeType: 'image/jpeg' } },
          ],
        },
      ],
      tools: [
        {
          functionDeclarations: [
            { name: 'f', description: 'd', parametersJsonSchema: { type: 'object' } },
            { name: 'g' },
          ],
        },
      ],
      toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['f'] } },
      generationConfig: {
        candidateCount: 2,
        maxOutputTokens: 9,
        temperature: 0.5,
        topP: 0.9,
        topK: 3,
        seed: 4,
        frequencyPenalty: 0.1,
        presencePenalty: 0.2,
        stopSequences: ['X'],
        responseLogprobs: true,
        logprobs: 5,
        responseMimeType: 'application/json',
        responseJsonSchema: { type: 'object' },
      },
    })
    expect(made.warnings).toEqual([])
  })

  test('names what it cannot say', () => {
    const made = sent({
      messages: [
        { ...user('hi'), name: 'n' },
        {
          role: 'assistant',
          parts: [{ type: 'reasoning', text: 'x', signature: 'another vendor’s' }, text('a')],
        },
        { role: 'user', parts: [{ type: 'image', source: { url: 'https://e.com/a' }, detail: 'low' }] },
      ],
      user: 'u',
      parallelToolCalls: false,
      toolChoice: 'required',
      rest: { logit_bias: {} },
    })
    expect(new Set(made.warnings)).toEqual(
      new Set([
        'logit_bias',
        'user',
        'parallel_tool_calls',
        'messages[].name',
        'tool_choice',
        'reasoning',
        'messages[].content[].image_url.detail',
      ]),
    )
  })

  test('with a part that nobody knows is refused', () => {
    const strange: Part = { type: 'opaque', dialect: 'openai-chat', value: { type: 'input_audio' } }
    for (const role of ['user', 'system'] as const) {
      const failure = thrownBy(() => sent({ messages: [{ role, parts: [strange] }] }))
      expect([failure.code, failure.facts.param]).toEqual(['unsupported', 'messages'])
    }
  })

  test.each([
    ['gemini-3-flash', 'skip_thought_signature_validator'],
    ['gemini-flash-latest', 'skip_thought_signature_validator'],
    ['gemini-2.5-flash', undefined],
  ])('that %s did not make itself has the signature %p on the first call of each answer', (model, mark) => {
    const call = (id: string): Part => ({ type: 'tool-call', id, name: 'f', input: '{}' })
    const made = sent(
      {
        messages: [
          { role: 'assistant', parts: [text('a'), call('1'), call('2')] },
          user('b'),
          { role: 'assistant', parts: [call('3')] },
        ],
      },
      model,
    )
    const { contents } = jsonOf(made) as { contents: { parts: { thoughtSignature?: string }[] }[] }
    expect(contents.map(({ parts }) => parts.map((part) => part.thoughtSignature))).toEqual([
      [undefined, mark, undefined],
      [undefined],
      [mark],
    ])
  })

  test('has what its row adds, and no more than its row allows', () => {
    const made = sent({ stop: ['X'], maxOutputTokens: 50, temperature: 0 }, 'gemini-3-flash', {
      system: 'S',
      stop: ['Y', 'X'],
      defaults: { temperature: 1, topK: 7 },
      limits: { maxOutputTokens: 20 },
      extra: {
        safetySettings: [{ category: 'c', threshold: 'OFF' }],
        generationConfig: { temperature: 2, mediaResolution: 'LOW' },
      },
    })
    expect(jsonOf(made)).toMatchObject({
      systemInstruction: { parts: [{ text: 'S' }] },
      safetySettings: [{ category: 'c', threshold: 'OFF' }],
      generationConfig: {
        temperature: 0,
        topK: 7,
        maxOutputTokens: 20,
        stopSequences: ['X', 'Y'],
        mediaResolution: 'LOW',
      },
    })
  })

  test('that is long holds nobody up', async () => {
    const parts = Array.from({ length: 20_000 }, (_, at) => text(`part ${at} of a long conversation`))
    const request = chatOf('openai-chat', { messages: [{ role: 'user', parts }] })
    const large = { ...request, body: requestOf('openai-chat', { model: 'm', x: 'x'.repeat(1e6) }).body }
    const turns = await turnsDuring(Promise.resolve(backend.outgoing(large, targetOf('m'))))
    expect(turns).toBeGreaterThan(3)
  })
})

test.each<[string, Partial<ChatPrompt>, unknown, string[]]>([
  ['gemini-3-flash', { reasoningEffort: 'low' }, { thinkingLevel: 'LOW', includeThoughts: true }, []],
  ['gemini-3-flash', { reasoningEffort: 'minimal' }, { thinkingLevel: 'MINIMAL', includeThoughts: true }, []],
  ['gemini-3.1-pro', { reasoningEffort: 'minimal' }, { thinkingLevel: 'LOW', includeThoughts: true }, []],
  ['gemini-3-flash', { reasoningEffort: 'none' }, { thinkingLevel: 'MINIMAL' }, ['reasoning_effort']],
  ['gemini-3-flash', { reasoningEffort: 'odd' }, { includeThoughts: true }, ['reasoning_effort']],
  [
    'gemini-3-flash',
    { reasoningBudgetTokens: 5000 },
    { thinkingLevel: 'MEDIUM', includeThoughts: true },
    ['thinking.budget_tokens'],
  ],
  ['gemini-2.5-flash', { reasoningEffort: 'low' }, { thinkingBudget: 1024, includeThoughts: true }, []],
  ['gemini-2.5-flash', { reasoningEffort: 'none' }, { thinkingBudget: 0 }, []],
  [
    'gemini-2.5-flash',
    { reasoningBudgetTokens: 31_999 },
    { thinkingBudget: 24_576, includeThoughts: true },
    [],
  ],
  [
    'gemini-2.5-pro',
    { reasoningBudgetTokens: 31_999 },
    { thinkingBudget: 31_999, includeThoughts: true },
    [],
  ],
  ['gemini-2.5-pro', { reasoningEffort: 'none' }, { thinkingBudget: 128 }, ['reasoning_effort']],
  ['gemini-2.0-flash', { reasoningEffort: 'high' }, undefined, ['reasoning_effort']],
  ['gemini-2.0-flash', { reasoningEffort: 'none' }, undefined, []],
  ['gemini-3-flash', {}, undefined, []],
])('%s asked to think by %j gets %j', (model, prompt, config, warnings) => {
  const made = sent(prompt, model)
  const { generationConfig } = jsonOf(made) as { generationConfig: { thinkingConfig?: unknown } }
  expect(generationConfig.thinkingConfig).toEqual(config)
  expect(made.warnings).toEqual(warnings)
})

test('texts to embed go in one call, each with the size of its vector', () => {
  const prompt = { kind: 'embed', inputs: ['a', 'b'], encoding: 'base64', dimensions: 2, rest: {} } as const
  const request = requestOf('openai-embeddings', { model: 'e' }, prompt)
  const target = targetOf('gemini-embedding-001', { extra: { taskType: 'RETRIEVAL_QUERY' } })
  const made = outgoingOf(backend, request, target)
  expect(made.path).toBe('/models/gemini-embedding-001:batchEmbedContents')
  const one = (said: string) => ({
    taskType: 'RETRIEVAL_QUERY',
    model: 'models/gemini-embedding-001',
    content: { parts: [{ text: said }] },
    outputDimensionality: 2,
  })
  expect(jsonOf(made)).toEqual({ requests: [one('a'), one('b')] })
  const tokens = requestOf('openai-embeddings', { model: 'e' }, { ...prompt, inputs: [[1, 2]] })
  expect(thrownBy(() => outgoingOf(backend, tokens, target)).facts.param).toBe('input')
})

test('a chat is counted with its system text and tools, without what shapes its answer', () => {
  const request = requestOf(
    'anthropic-count',
    { model: 'm' },
    {
      kind: 'chat',
      messages: [{ role: 'system', parts: [text('S')] }, user('hi')],
      tools: [{ name: 'f' }],
      temperature: 1,
      rest: {},
    },
  )
  const made = outgoingOf(backend, request, targetOf('gemini-3-flash', { extra: { safetySettings: [] } }))
  expect(made).toMatchObject({ path: '/models/gemini-3-flash:countTokens', stream: false })
  expect(jsonOf(made)).toEqual({
    generateContentRequest: {
      model: 'models/gemini-3-flash',
      systemInstruction: { parts: [{ text: 'S' }] },
      contents: [{ role: 'user', parts: [{ text: 'hi' }] }],
      tools: [{ functionDeclarations: [{ name: 'f' }] }],
    },
  })
})

describe('a failure', () => {
  const fail = (status: number, error: object, retryAfter?: string): Failure =>
    backend.failure(sent({}), status, retryAfter, new TextEncoder().encode(JSON.stringify({ error })))
  const wait = {
    code: 429,
    message: 'Quota exceeded.',
    status: 'RESOURCE_EXHAUSTED',
    details: [null, { '@type': 'x' }, { retryDelay: '34.074824224s' }],
  }

  test('says when to come back, in the header or among its details', () => {
    expect(fail(429, wait)).toMatchObject({ code: 'upstream_rate_limited', facts: { retryAfterMs: 34_075 } })
    expect(fail(429, wait, '2').facts.retryAfterMs).toBe(2000)
    expect(fail(429, { ...wait, details: 'none' }).facts.retryAfterMs).toBeUndefined()
  })

  test('keeps Google’s own body', () => {
    const { upstream } = fail(429, wait).facts
    expect(JSON.parse(new TextDecoder().decode(upstream?.body))).toEqual({ error: wait })
  })

  test.each([
    [400, { message: 'API key not valid: AIza…', details: [{ reason: 'API_KEY_INVALID' }] }, 'upstream_auth'],
    [400, { message: 'User location is not supported for the API use.' }, 'upstream_forbidden'],
    [400, { message: 'Invalid JSON payload.' }, 'upstream_rejected'],
    [
      400,
      { message: 'The input token count (9) exceeds the maximum number of tokens allowed (8).' },
      'context_exceeded',
    ],
    [403, { message: 'no' }, 'upstream_forbidden'],
    [404, { message: 'models/x is not found' }, 'upstream_not_found'],
    [500, { message: 'internal' }, 'upstream_failed'],
    [503, { message: 'The model is overloaded.' }, 'upstream_overloaded'],
  ])('%d %j is %s', (status, error, code) => {
    const failure = fail(status, error)
    expect(failure.code).toBe(code as Failure['code'])
    expect(failure.message).not.toContain('AIza')
  })

  test('that is no JSON is one all the same', () => {
    const bytes = new TextEncoder().encode('<html>')
    expect(backend.failure(sent({}), 502, undefined, bytes).code).toBe('upstream_failed')
  })
})

test('any conversation becomes turns that alternate, with all its words in order', () => {
  const part = fc.oneof<fc.Arbitrary<Part>[]>(
    fc.record({ type: fc.constant('text'), text: fc.string() }),
    fc.record({ type: fc.constant('reasoning'), text: fc.string() }),
    fc.record({
      type: fc.constant('tool-call'),
      id: fc.constantFrom('1', '2', 'gemini_', 'gemini_bnVsbA'),
      name: fc.constantFrom('f', 'g'),
      input: fc.oneof(fc.json(), fc.string()),
    }),
    fc.record({
      type: fc.constant('tool-result'),
      id: fc.constantFrom('1', '2', '3'),
      parts: fc.array(fc.record({ type: fc.constant('text'), text: fc.string() })),
    }),
  )
  const message = fc.record({
    role: fc.constantFrom('user' as const, 'assistant' as const),
    parts: fc.array(part),
  })
  fc.assert(
    fc.property(fc.array(message), (messages) => {
      const { contents } = jsonOf(sent({ messages })) as {
        contents: { role: string; parts: Record<string, unknown>[] }[]
      }
      const roles = contents.map(({ role }) => role)
      expect(roles.every((role, at) => role !== roles[at - 1])).toBe(true)
      const said = messages.flatMap(({ parts }) => parts)
      const sentParts = contents.flatMap(({ parts }) => parts)
      for (const { parts } of contents) expect(parts).not.toBeEmpty()
      const words = sentParts.map((each) => (typeof each['text'] === 'string' ? each['text'] : '')).join('')
      expect(words).toBe(said.map((each) => (each.type === 'text' ? each.text : '')).join(''))
      const countOf = (type: Part['type']) => said.filter((each) => each.type === type).length
      const sentOf = (field: string) => sentParts.filter((each) => field in each).length
      expect(sentOf('functionCall')).toBe(countOf('tool-call'))
      expect(sentOf('functionResponse')).toBe(countOf('tool-result'))
    }),
    { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 1000) },
  )
})
