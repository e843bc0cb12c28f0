import { describe, expect, test } from 'bun:test'

import type { EngineOpener, Outgoing } from '../../core/backend.ts'
import type { ModelEvent } from '../../core/event.ts'
import { Failure } from '../../core/failure.ts'
import type { ModelFacts } from '../../core/model-facts.ts'
import { builtInPlaces } from '../../core/place.ts'
import type { CompletionPrompt, Prompt } from '../../core/request.ts'
import { chatOf, jsonOf, outgoingOf, requestOf, targetOf } from '../../testing/asking.ts'
import { backendRow, kindOf } from './index.ts'
import type { BackendDeps, RowBackend } from './index.ts'

const deps: BackendDeps = {
  place: builtInPlaces.local,
  send: () => Promise.reject(new Error('no socket here')),
}

function backend(row: Readonly<Record<string, unknown>>, more: Partial<BackendDeps> = {}): RowBackend {
  const parsed = backendRow.parse({ url: 'http://127.0.0.1:1/v1', ...row })
  return kindOf(parsed).create('test', parsed, { ...deps, ...more })
}

const reply = { status: 200, header: () => 'application/json', body: undefined as never }

/** What a whole answer to this call means. */
function told(at: RowBackend, asked: Outgoing, body: unknown): ModelEvent[] {
  const reader = at.reader(asked, reply)
  const bytes = new TextEncoder().encode(JSON.stringify(body))
  return [...reader.push(bytes), ...reader.end()].flatMap((frame) => frame.events())
}

const codeOf = (act: () => unknown): string => {
  try {
    act()
    return 'nothing was refused'
  } catch (thrown) {
    return thrown instanceof Failure ? thrown.code : String(thrown)
  }
}

describe('rerank', () => {
  const prompt = {
    kind: 'rerank',
    query: 'q',
    documents: ['a', 'b'],
    returnDocuments: true,
    rest: {},
  } as const
  const ask = (body: object) => requestOf('rerank', { model: 'alias', ...body }, prompt)

  test('asks with documents as texts, and keeps what else the client said', () => {
    const at = backend({ kind: 'vllm' })
    const request = ask({
      query: 'q',
      documents: ['a', { text: 'b' }],
      return_documents: true,
      top_n: 1,
      x: 1,
    })
    const asked = outgoingOf(at, request, targetOf('m'))
    expect(asked).toMatchObject({ path: '/v1/rerank', mustEncode: true, stream: false })
    expect(jsonOf(asked)).toEqual({ model: 'm', query: 'q', documents: ['a', 'b'], top_n: 1, x: 1 })
  })

  test.each([
    [
      'llama-server',
      { results: [{ index: 1, relevance_score: 0.5 }], usage: { prompt_tokens: 5, total_tokens: 5 } },
    ],
    [
      'vllm',
      {
        id: 'r',
        results: [{ index: 1, document: { text: 'b' }, relevance_score: 0.5 }],
        usage: { total_tokens: 5 },
      },
    ],
    ['sglang', [{ score: 0.5, document: 'b', index: 1 }]],
    ['localai', { results: [{ index: 1, relevance_score: 0.5 }], meta: { tokens: { input_tokens: 5 } } }],
  ])('reads the scores of %s', (kind, body) => {
    const at = backend({ kind })
    const asked = outgoingOf(at, ask({ query: 'q', documents: ['a', 'b'] }), targetOf('m'))
    const events = told(at, asked, body)
    expect(events).toContainEqual({ type: 'score', index: 1, score: 0.5 })
    expect(events.some(({ type }) => type === 'usage')).toBe(!Array.isArray(body))
    expect(events.at(-1)).toEqual({ type: 'end' })
  })

  test('is refused where nobody ranks, and where the answer is none', () => {
    expect(codeOf(() => outgoingOf(backend({ kind: 'tgi' }), ask({}), targetOf('m')))).toBe('unsupported')
    const at = backend({ kind: 'vllm' })
    const asked = outgoingOf(at, ask({ query: 'q', documents: ['a'] }), targetOf('m'))
    expect(codeOf(() => told(at, asked, { data: [] }))).toBe('upstream_invalid')
  })
})

describe('count', () => {
  const chat = chatOf('anthropic-count', {
    messages: [{ role: 'user', parts: [{ type: 'text', text: 'hi' }] }],
    maxOutputTokens: 5,
    temperature: 1,
  })

  test.each([
    ['llama-server', '/v1/chat/completions/input_tokens', { input_tokens: 31 }],
    ['vllm', '/tokenize', { count: 31, max_model_len: 2048, tokens: [] }],
    ['sglang', '/tokenize', { count: 31, max_model_len: 2048, tokens: [] }],
    [
      'tgi',
      '/chat_tokenize',
      { tokenize_response: Array.from({ length: 31 }, (_, id) => ({ id })), templated_text: 't' },
    ],
    ['openai', '/v1/responses/input_tokens', { object: 'response.input_tokens', input_tokens: 31 }],
  ])('of a chat at %s', (kind, path, body) => {
    const at = backend({ kind })
    const asked = outgoingOf(at, chat, targetOf('m', { system: 'S' }))
    expect(asked).toMatchObject({ path, stream: false })
    const { messages, input, instructions, ...others } = jsonOf(asked)
    // What does not belong to the prompt is refused by vendors.
    expect(others).toEqual({ model: 'm' })
    expect(JSON.stringify(messages ?? [instructions, input])).toMatch(/"S".*"hi"/)
    expect(told(at, asked, body)).toContainEqual({
      type: 'usage',
      usage: { input: { tokens: 31, source: 'reported' } },
    })
  })

  test('of a chat is asked under the interface, wherever that stands', () => {
    const at = backend({ kind: 'openai', url: 'http://127.0.0.1:1/openai' })
    expect(outgoingOf(at, chat, targetOf('m')).path).toBe('/responses/input_tokens')
  })

  test('of a chat is refused where only texts are counted', () => {
    expect(codeOf(() => outgoingOf(backend({ kind: 'localai' }), chat, targetOf('m')))).toBe('unsupported')
  })

  const raw = (dialect: 'tokenize' | 'detokenize', prompts: CompletionPrompt['prompts']) =>
    requestOf(dialect, { model: 'a' }, { kind: 'complete', prompts, rest: {} })

  test.each([
    ['llama-server', '/tokenize', 'content', { tokens: [1, 2] }],
    ['vllm', '/tokenize', 'prompt', { count: 2, tokens: [1, 2] }],
    [
      'tgi',
      '/tokenize',
      'inputs',
      [
        { id: 1, text: 'a', start: 0, stop: 1 },
        { id: 2, text: 'b', start: 1, stop: 2 },
      ],
    ],
    ['localai', '/v1/tokenize', 'content', { tokens: [1, 2] }],
  ])('of a text at %s', (kind, path, field, body) => {
    const at = backend({ kind })
    const asked = outgoingOf(at, raw('tokenize', ['ab']), targetOf('m'))
    expect(asked.path).toBe(path)
    expect(jsonOf(asked)).toEqual({ model: 'm', [field]: 'ab' })
    expect(told(at, asked, body)).toContainEqual({ type: 'tokens', tokens: [1, 2] })
  })

  test.each([
    ['llama-server', '/detokenize', { content: 'ab' }],
    ['vllm', '/detokenize', { prompt: 'ab' }],
    ['sglang', '/detokenize', { text: 'ab' }],
  ])('back to a text at %s, whose tokens the client counted itself', (kind, path, body) => {
    const at = backend({ kind })
    const asked = outgoingOf(at, raw('detokenize', [[1, 2]]), targetOf('m'))
    expect(asked.path).toBe(path)
    const events = told(at, asked, body)
    expect(events).toContainEqual({ type: 'text', text: 'ab' })
    expect(events.find((event) => event.type === 'usage')?.usage.input).toEqual({
      tokens: 2,
      source: 'counted',
    })
    expect(events.filter(({ type }) => type === 'end')).toHaveLength(1)
  })
})

describe('text in between', () => {
  const between = { kind: 'complete', prompts: ['a'], suffix: 'b', maxOutputTokens: 9, rest: {} } as const
  const complete = (body: object, prompt: Prompt = between) =>
    requestOf('openai-completions', { model: 'alias', prompt: 'a', ...body }, prompt)

  test('goes to llama-server’s own way, whose words differ', () => {
    const at = backend({ kind: 'llama-server' })
    const target = targetOf('m', { stop: ['\n\n'], limits: { maxOutputTokens: 4 } })
    const asked = outgoingOf(at, complete({ suffix: 'b' }), target)
    expect(asked).toMatchObject({ path: '/infill', stream: true, dialect: 'infill' })
    expect(jsonOf(asked)).toEqual({
      model: 'm',
      input_prefix: 'a',
      input_suffix: 'b',
      n_predict: 4,
      stop: ['\n\n'],
      stream: true,
    })
  })

  test('stays a completion where there is no suffix, or the vendor reads it', () => {
    const llama = outgoingOf(backend({ kind: 'llama-server' }), complete({ suffix: '' }), targetOf('m'))
    expect(llama.path).toBe('/v1/completions')
    const vendor = outgoingOf(backend({ kind: 'openai' }), complete({ suffix: 'b' }), targetOf('m'))
    expect([vendor.path, jsonOf(vendor)['suffix']]).toEqual(['/v1/completions', 'b'])
    expect(
      codeOf(() => outgoingOf(backend({ kind: 'vllm' }), complete({ suffix: 'b' }), targetOf('m'))),
    ).toBe('unsupported')
  })

  test('is one text, and what else was asked is told or refused', () => {
    const at = backend({ kind: 'llama-server' })
    const asked = outgoingOf(
      at,
      complete({ suffix: 'b' }, { ...between, echo: true, logprobs: 1, rest: { best_of: 1 } }),
      targetOf('m', { system: 'S' }),
    )
    expect(asked.warnings.toSorted()).toEqual(['best_of', 'echo', 'logprobs', 'system'])
    for (const prompts of [['a', 'b'], [[1]]]) {
      const request = complete({ suffix: 'b' }, { ...between, prompts })
      expect(codeOf(() => outgoingOf(at, request, targetOf('m')))).toBe('unsupported')
    }
  })

  test('keeps the body of a client that speaks it', () => {
    const at = backend({ kind: 'llama-server' })
    const body = { model: 'm', input_prefix: 'a', input_extra: [{ text: 'x' }], stream: true }
    const asked = outgoingOf(at, requestOf('infill', body), targetOf('m'))
    expect([jsonOf(asked), asked.dialect]).toEqual([body, 'infill'])
  })
})

describe('OpenRouter', () => {
  test('gets back what it sealed, and no thought that nobody signed', () => {
    const sealed = { type: 'reasoning.encrypted', data: 'gAAA' }
    const request = chatOf('anthropic-messages', {
      messages: [
        {
          role: 'assistant',
          parts: [
            { type: 'reasoning', text: 'Hm.', signature: 'EqQ=' },
            { type: 'reasoning', text: 'unsigned' },
            { type: 'opaque', dialect: 'openai-chat', value: sealed },
            { type: 'text', text: 'A' },
          ],
        },
      ],
    })
    const asked = outgoingOf(backend({ kind: 'openrouter' }), request, targetOf('m'))
    expect(jsonOf(asked)['messages']).toEqual([
      {
        role: 'assistant',
        content: 'A',
        reasoning_details: [{ type: 'reasoning.text', text: 'Hm.', signature: 'EqQ=' }, sealed],
      },
    ])
    expect(asked.warnings).toEqual(['reasoning'])
  })

  test('is told the row’s preferences where the client has none', () => {
    const at = backend({ kind: 'openrouter' })
    const provider = { data_collection: 'deny', zdr: true }
    const target = targetOf('m', { extra: { provider } })
    const ask = (body: object) =>
      jsonOf(outgoingOf(at, requestOf('openai-chat', { model: 'm', messages: [], ...body }), target))[
        'provider'
      ]
    expect([ask({}), ask({ provider: { sort: 'price' } })]).toEqual([provider, { sort: 'price' }])
  })
})

describe('tools', () => {
  const request = requestOf('openai-chat', {
    model: 'm',
    messages: [],
    tools: [{ type: 'function', function: { name: 'f' } }],
  })
  const asked = (facts: ModelFacts | undefined) =>
    outgoingOf(backend({ kind: 'llama-server' }, { factsOf: () => facts }), request, targetOf('m')).warnings

  test('that the model’s template does not show are told to the client', () => {
    expect(asked({ capabilities: ['chat'] })).toEqual(['tools'])
    expect(asked({ capabilities: ['chat', 'tools'] })).toEqual([])
    expect(asked({})).toEqual([])
    expect(asked(undefined)).toEqual([])
  })
})

test('an engine of ours is asked in its own dialect, by its own name for the model, with its adapter', () => {
  const engines: EngineOpener = {
    open: () => ({ url: 'http://127.0.0.1:9', headers: {}, close: () => undefined }),
    speaks: (row) =>
      row === 'row' ? { preset: 'vllm', model: 'base', extra: { lora: [{ id: 0, scale: 1 }] } } : undefined,
  }
  const row = backendRow.parse({ kind: 'managed' })
  const at = kindOf(row).create('here', row, { ...deps, engines })
  const request = requestOf('openai-chat', { model: 'a', messages: [], response_format: { type: 'text' } })
  const sent = outgoingOf(at, request, targetOf('m'))
  expect(jsonOf(sent)).toMatchObject({ model: 'base', lora: [{ id: 0, scale: 1 }] })
  const other = outgoingOf(at, request, { ...targetOf('m'), row: 'other' })
  expect(jsonOf(other)).toMatchObject({ model: 'm' })
  const suffixed = requestOf('openai-completions', { model: 'a', prompt: 'a', suffix: 'b' })
  // vLLM has no way for it; llama-server has.
  expect(codeOf(() => outgoingOf(at, suffixed, targetOf('m')))).toBe('unsupported')
})
