import { describe, expect, test } from 'bun:test'

import type Anthropic from '@anthropic-ai/sdk'

import type { ModelEvent } from '../../core/event.ts'
import { Failure } from '../../core/failure.ts'
import { builtInPlaces } from '../../core/place.ts'
import { chatOf, jsonOf, outgoingOf, requestOf, targetOf, textOf } from '../../testing/asking.ts'
import { turnsDuring } from '../../testing/turns.ts'
import { AnthropicReading } from './anthropic-read.ts'
import { anthropic } from './anthropic.ts'

const backend = anthropic.create(
  'claude',
  { kind: 'anthropic', url: 'https://api.anthropic.com', apiKey: 'k' },
  { place: builtInPlaces.cloud, send: () => Promise.reject(new Error('no socket here')) },
)

const user = (text: string) => ({ role: 'user', parts: [{ type: 'text', text }] }) as const

describe('a Messages request', () => {
  const body = '{"model":"m","max_tokens":8, "big":12345678901234567890,"messages":[]}'

  test('goes out byte for byte when nothing has to change, with its version and betas', () => {
    const request = {
      ...requestOf('anthropic-messages', body),
      headers: { 'anthropic-beta': 'a,b', 'anthropic-version': '2023-01-01' },
    }
    const sent = outgoingOf(backend, request, targetOf('m'))
    expect(textOf(sent)).toBe(body)
    expect(sent).toMatchObject({
      path: '/v1/messages',
      stream: false,
      headers: { 'anthropic-beta': 'a,b', 'anthropic-version': '2023-01-01' },
    })
  })

  test.each([
    ['', 'S'],
    [',"system":"own"', 'S\n\nown'],
    [
      ',"system":[{"type":"text","text":"own","cache_control":{"type":"ephemeral"}}]',
      [
        { type: 'text', text: 'S' },
        { type: 'text', text: 'own', cache_control: { type: 'ephemeral' } },
      ],
    ],
  ])('gets the row’s system text before its own: {…%s}', (own, system) => {
    const request = requestOf('anthropic-messages', `{"model":"m","max_tokens":9${own}}`)
    const sent = outgoingOf(backend, request, targetOf('m', { system: 'S' }))
    expect(jsonOf(sent)).toEqual({ model: 'm', max_tokens: 9, system })
  })

  test.each(['', 'rs_1.gAAAA', 'gemini.thought.c2ln'])(
    'goes without a thought that another model signed with "%s", and with its own',
    (signature) => {
      const thought = (text: string, by: string) => ({ type: 'thinking', thinking: text, signature: by })
      const said = { type: 'text', text: 'hi' }
      const turns = (first: readonly object[]) => [
        { role: 'user', content: 'a' },
        { role: 'assistant', content: first },
        { role: 'assistant', content: [thought('own', 'c2ln'), said] },
      ]
      const asked = { model: 'm', max_tokens: 8, messages: turns([thought('foreign', signature), said]) }
      const sent = outgoingOf(backend, requestOf('anthropic-messages', asked), targetOf('m'))
      expect(jsonOf(sent)['messages']).toEqual(turns([said]))
      expect(sent.warnings).toEqual(['thinking'])
    },
  )

  test('gets no sampling default while it thinks, which would make it a bad one', () => {
    const request = requestOf(
      'anthropic-messages',
      '{"model":"m","max_tokens":9,"thinking":{"type":"adaptive"}}',
    )
    const sent = outgoingOf(backend, request, targetOf('m', { defaults: { temperature: 0.5 } }))
    expect(jsonOf(sent)).not.toHaveProperty('temperature')
  })
})

describe('a request of another dialect', () => {
  test('is said in Anthropic’s words', () => {
    const request = chatOf('openai-chat', {
      messages: [
        { role: 'system', parts: [{ type: 'text', text: 'A' }] },
        user('hi'),
        { role: 'system', parts: [{ type: 'text', text: 'B' }] },
        {
          role: 'assistant',
          parts: [
            { type: 'reasoning', text: 'hm', signature: 'sig' },
            { type: 'tool-call', id: 'c1', name: 'f', input: '{"a":1}' },
            { type: 'tool-call', id: 'c2', name: 'f', input: '' },
          ],
        },
        { role: 'user', parts: [{ type: 'tool-result', id: 'c1', parts: [{ type: 'text', text: 'R1' }] }] },
        { role: 'user', parts: [{ type: 'text', text: 'go on' }] },
        { role: 'user', parts: [{ type: 'tool-result', id: 'c2', parts: [], isError: true }] },
        { role: 'user', parts: [{ type: 'image', source: { mediaType: 'image/png', data: 'AA==' } }] },
      ],
      tools: [{ name: 'f', description: 'd', parameters: { properties: {} } }],
      toolChoice: 'required',
      parallelToolCalls: false,
      responseFormat: { type: 'json-schema', name: 'x', schema: { type: 'object' } },
      stop: ['X'],
      user: 'u',
    })
    const expected = {
      system: 'A\n\nB',
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'hi' }] },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'hm', signature: 'sig' },
            { type: 'tool_use', id: 'c1', name: 'f', input: { a: 1 } },
            { type: 'tool_use', id: 'c2', name: 'f', input: {} },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'c1', content: [{ type: 'text', text: 'R1' }] },
            { type: 'tool_result', tool_use_id: 'c2', content: [], is_error: true },
            { type: 'text', text: 'go on' },
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA==' } },
          ],
        },
      ],
      tools: [{ name: 'f', description: 'd', input_schema: { type: 'object', properties: {} } }],
      tool_choice: { type: 'any', disable_parallel_tool_use: true },
      output_config: { format: { type: 'json_schema', schema: { type: 'object' } } },
      stop_sequences: ['X'],
      metadata: { user_id: 'u' },
      model: 'claude',
      max_tokens: 4096,
    } satisfies Anthropic.MessageCreateParams
    const sent = outgoingOf(backend, request, targetOf('claude'))
    expect(jsonOf(sent)).toEqual(expected)
    expect(sent.warnings).toEqual([])
    expect(sent.headers).toMatchObject({ 'anthropic-version': '2023-06-01' })
  })

  const ask = (model: string, prompt: object) => {
    const request = chatOf('openai-chat', { messages: [user('a')], ...prompt })
    const sent = outgoingOf(backend, request, targetOf(model))
    const { model: _model, messages: _messages, max_tokens: _limit, ...rest } = jsonOf(sent)
    return { ...rest, ...(sent.warnings.length > 0 && { warnings: sent.warnings }) }
  }

  test.each([
    [
      'claude-opus-4-8',
      { reasoningEffort: 'minimal' },
      { thinking: { type: 'adaptive' }, output_config: { effort: 'low' } },
    ],
    [
      'claude-opus-4-8',
      { reasoningBudgetTokens: 2000 },
      { thinking: { type: 'adaptive' }, warnings: ['reasoning_budget'] },
    ],
    ['claude-sonnet-4-5-20250929', { reasoningEffort: 'high' }, { warnings: ['reasoning_effort'] }],
    [
      'claude-sonnet-4-5',
      { reasoningBudgetTokens: 2000 },
      { thinking: { type: 'enabled', budget_tokens: 2000 } },
    ],
    ['claude-opus-4-6', { reasoningEffort: 'none', topK: 3 }, { thinking: { type: 'disabled' }, top_k: 3 }],
  ])('asks %s for thinking as that model takes it: %j', (model, prompt, expected) => {
    expect<object>(ask(model, prompt)).toEqual(expected)
  })

  test.each([
    [
      'claude-3-5-sonnet-20241022',
      { temperature: 1.5, topP: 0.5 },
      { temperature: 1, top_p: 0.5, warnings: ['temperature'] },
    ],
    ['claude-opus-4-20250514', { temperature: 0, topK: 3 }, { temperature: 0, top_k: 3 }],
    [
      'claude-opus-4-7',
      { temperature: 0.7, topP: 0.5, topK: 3 },
      { warnings: ['temperature', 'top_p', 'top_k'] },
    ],
    ['an-alias', { temperature: 1, topP: 1 }, {}],
  ])('samples %s only where that model allows it: %j', (model, prompt, expected) => {
    expect<object>(ask(model, prompt)).toEqual(expected)
  })

  test('names each field that is dropped', () => {
    const request = chatOf('openai-chat', {
      messages: [user('a'), { role: 'assistant', parts: [{ type: 'reasoning', text: 'unsigned' }] }],
      seed: 1,
      logprobs: true,
      frequencyPenalty: 1,
      presencePenalty: 1,
      responseFormat: { type: 'json' },
      reasoningEffort: 'low',
      temperature: 0,
      stop: ['X', ' '],
      toolChoice: 'required',
      rest: { logit_bias: {} },
    })
    const { warnings } = outgoingOf(backend, request, targetOf('m'))
    expect(warnings.toSorted()).toEqual([
      'frequency_penalty',
      'logit_bias',
      'logprobs',
      'presence_penalty',
      'reasoning',
      'response_format',
      'seed',
      'stop',
      'temperature',
      'tool_choice',
    ])
    const image = { type: 'image', source: { url: 'https://a' }, detail: 'high' } as const
    const named = chatOf('openai-chat', { messages: [{ role: 'user', name: 'Eve', parts: [image] }] })
    expect(outgoingOf(backend, named, targetOf('m')).warnings).toEqual([
      'messages[].name',
      'messages[].content[].image_url.detail',
    ])
  })

  test('is refused where system text has a part that is none, and cannot be said', () => {
    const image = { type: 'image', source: { url: 'https://a' } } as const
    const request = chatOf('openai-chat', { messages: [{ role: 'system', parts: [image] }] })
    expect(() => outgoingOf(backend, request, targetOf('m'))).toThrow(Failure)
  })

  test('is written in turns where it is large, and says the same', async () => {
    const text = 'Ünï "code" \n'.repeat(9000)
    const input = JSON.stringify({ text, list: Array.from({ length: 20_000 }, (_, at) => at) })
    const prompt = {
      messages: [
        user(text),
        ...Array.from({ length: 2000 }, (_, at) => user(`${at}`)),
        { role: 'assistant', parts: [{ type: 'tool-call', id: 'c', name: 'f', input }] },
      ],
    } as const
    const small = jsonOf(outgoingOf(backend, chatOf('openai-chat', prompt), targetOf('m')))
    const large = requestOf(
      'openai-chat',
      { model: 'm', filler: 'x'.repeat(40_000) },
      { kind: 'chat', rest: {}, ...prompt },
    )
    const written = backend.outgoing(large, targetOf('m'))
    expect(written).toBeInstanceOf(Promise)
    expect(await turnsDuring(Promise.resolve(written))).toBeGreaterThan(1)
    expect(jsonOf(await written)).toEqual(small)
    const messages = small['messages'] as readonly { content: readonly object[] }[]
    expect(messages[0]?.content).toHaveLength(2001)
    expect(messages[1]?.content[0]).toMatchObject({ input: JSON.parse(input) as object })
  })

  test('is refused where several answers are asked for', () => {
    const request = chatOf('openai-chat', { messages: [user('a')], choices: 2 })
    expect(() => outgoingOf(backend, request, targetOf('m'))).toThrow(Failure)
  })

  test('keeps the lower of the client’s limit and the row’s, and takes the row’s default before ours', () => {
    const limit = (maxOutputTokens: number | undefined, behaviour: object): unknown => {
      const request = chatOf('openai-chat', {
        messages: [user('a')],
        ...(maxOutputTokens !== undefined && { maxOutputTokens }),
      })
      return jsonOf(outgoingOf(backend, request, targetOf('m', behaviour)))['max_tokens']
    }
    expect(limit(50, { limits: { maxOutputTokens: 9 } })).toBe(9)
    expect(limit(5, { limits: { maxOutputTokens: 9 } })).toBe(5)
    expect(limit(undefined, { defaults: { maxOutputTokens: 70 } })).toBe(70)
    expect(limit(undefined, { limits: { maxOutputTokens: 100 } })).toBe(100)
  })
})

describe('what there is no word for', () => {
  const stream = (...messages: readonly object[]): ModelEvent[] => {
    const reading = new AnthropicReading()
    return messages.flatMap((each) => reading.message({ data: JSON.stringify(each) }))
  }
  const opaque = (value: object) => ({ type: 'opaque', dialect: 'anthropic-messages', value }) as const
  const redacted = { type: 'redacted_thinking', data: 'EmwK…' }
  const search = { type: 'server_tool_use', id: 's1', name: 'web_search', input: { query: 'a' } }
  const citation = { type: 'char_location', cited_text: 'b', document_index: 0 }

  test('is kept in a stream, each block put together from its deltas', () => {
    const start = (index: number, block: object) => ({
      type: 'content_block_start',
      index,
      content_block: block,
    })
    const delta = (index: number, of: object) => ({ type: 'content_block_delta', index, delta: of })
    const stop = (index: number) => ({ type: 'content_block_stop', index })
    expect(
      stream(
        start(0, redacted),
        stop(0),
        start(1, { ...search, input: {} }),
        delta(1, { type: 'input_json_delta', partial_json: '{"query"' }),
        delta(1, { type: 'input_json_delta', partial_json: ':"a"}' }),
        stop(1),
        start(2, { type: 'compaction', content: null }),
        delta(2, { type: 'compaction_delta', content: 'in ' }),
        delta(2, { type: 'compaction_delta', content: 'short' }),
        stop(2),
        start(3, { type: 'text', text: '', citations: [] }),
        delta(3, { type: 'text_delta', text: 'b' }),
        delta(3, { type: 'citations_delta', citation }),
        stop(3),
        { type: 'ping' },
        { type: 'still_to_come', x: 1 },
      ),
    ).toEqual([
      opaque(redacted),
      opaque(search),
      opaque({ type: 'compaction', content: 'in short' }),
      { type: 'text', text: 'b' },
      opaque({ type: 'citations_delta', citation }),
      opaque({ type: 'still_to_come', x: 1 }),
    ])
  })

  test('is kept in a whole answer', () => {
    const content = [redacted, search, { type: 'text', text: 'b', citations: [citation] }]
    const body = JSON.stringify({ id: 'm1', content, stop_reason: 'end_turn', container: { id: 'c' } })
    expect(new AnthropicReading().whole(new TextEncoder().encode(body))).toEqual([
      { type: 'start', id: 'm1' },
      { type: 'rest', fields: { container: { id: 'c' } } },
      opaque(redacted),
      opaque(search),
      { type: 'text', text: 'b' },
      opaque({ type: 'citations_delta', citation }),
      { type: 'finish', reason: 'stop' },
      { type: 'end' },
    ])
  })

  test('is kept of the end of a stream, for clients of the same dialect', () => {
    const delta = { stop_reason: 'end_turn', stop_sequence: null, container: { id: 'c' } }
    expect(stream({ type: 'message_delta', delta, context_management: { x: 1 } })).toEqual([
      { type: 'finish', reason: 'stop' },
      { type: 'rest', fields: { context_management: { x: 1 }, container: { id: 'c' } } },
    ])
  })
})
