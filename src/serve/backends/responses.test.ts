import { describe, expect, test } from 'bun:test'

import fc from 'fast-check'
import type { ResponseCreateParams } from 'openai/resources/responses/responses'

import type { Behaviour, Outgoing } from '../../core/backend.ts'
import type { ModelEvent } from '../../core/event.ts'
import { Failure } from '../../core/failure.ts'
import { builtInPlaces } from '../../core/place.ts'
import type { Part } from '../../core/request.ts'
import { chatOf, jsonOf, outgoingOf, requestOf, targetOf, textOf } from '../../testing/asking.ts'
import { fold } from '../stream/fold.ts'
import { backendRow, kindOf } from './index.ts'
import type { RowBackend } from './index.ts'
import { ResponsesReading } from './responses-read.ts'

function backend(row: Readonly<Record<string, unknown>>): RowBackend {
  const parsed = backendRow.parse(row)
  const deps = { place: builtInPlaces.cloud, send: () => Promise.reject(new Error('no socket here')) }
  return kindOf(parsed).create('test', parsed, deps)
}

const byResponses = { kind: 'openai', api: 'responses' }

const said = (
  prompt: Parameters<typeof chatOf>[1],
  row: Readonly<Record<string, unknown>> = byResponses,
  behaviour: Behaviour = {},
): Outgoing => outgoingOf(backend(row), chatOf('openai-chat', prompt), targetOf('m', behaviour))

describe('which interface is asked', () => {
  const chat = requestOf('openai-chat', '{"model":"m","messages":[]}', {
    kind: 'chat',
    messages: [],
    rest: {},
  })
  const responses = requestOf('openai-responses', '{"model":"m","input":"a"}', {
    kind: 'chat',
    messages: [],
    rest: {},
  })

  test.each([
    [{ kind: 'openai' }, {}, chat, '/v1/chat/completions'],
    [{ kind: 'openai' }, {}, responses, '/v1/responses'],
    [{ kind: 'openai', api: 'chat' }, {}, responses, '/v1/chat/completions'],
    [{ kind: 'openai', api: 'responses' }, {}, chat, '/v1/responses'],
    [{ kind: 'openai', api: 'responses' }, { api: 'chat' }, chat, '/v1/chat/completions'],
    [{ kind: 'openai' }, { api: 'responses' }, chat, '/v1/responses'],
    [{ kind: 'vllm' }, {}, responses, '/v1/chat/completions'],
    [{ kind: 'vllm', api: 'responses' }, {}, responses, '/v1/responses'],
  ] as const)('by %j and %j', (row, behaviour, request, path) => {
    expect(outgoingOf(backend(row), request, targetOf('m', behaviour)).path).toBe(path)
  })

  test('is the deployment’s in Azure’s dated interface, but for Responses, where the body names it', () => {
    const azure = {
      kind: 'azure',
      url: 'https://a.openai.azure.com/openai',
      apiVersion: '2025-04-01',
      deployments: { 'gpt-4.1': 'my-deployment' },
    }
    const named = targetOf('gpt-4.1')
    expect(outgoingOf(backend(azure), chat, named)).toMatchObject({
      path: '/deployments/my-deployment/chat/completions?api-version=2025-04-01',
    })
    const sent = outgoingOf(backend(azure), responses, named)
    expect(sent.path).toBe('/responses?api-version=2025-04-01')
    expect(jsonOf(sent)['model']).toBe('my-deployment')
    // Who names a deployment itself is not led elsewhere.
    expect(jsonOf(outgoingOf(backend(azure), chat, targetOf('other')))['model']).toBe('other')
  })
})

describe('a request of the same dialect', () => {
  test('keeps its bytes, but for what the vendor is not to keep', () => {
    const odd =
      '{ "model":"m", "input":[{"role":"user","content":"\\u00fc"}],\n "x":12345678901234567890, "store":false }'
    expect(
      textOf(outgoingOf(backend({ kind: 'openai' }), requestOf('openai-responses', odd), targetOf('m'))),
    ).toBe(odd)
  })

  test('is kept by us and run by us in the background, whatever the client says', () => {
    const sent = jsonOf(
      outgoingOf(
        backend({ kind: 'openai' }),
        requestOf('openai-responses', {
          model: 'a',
          input: 'x',
          store: true,
          background: true,
          previous_response_id: 'resp_1',
          reasoning: { effort: 'low' },
          include: ['file_search_call.results'],
        }),
        targetOf('m', {
          system: 'S',
          limits: { maxOutputTokens: 9 },
          extra: { service_tier: 'flex' },
        }),
      ),
    )
    expect(sent).toEqual({
      model: 'm',
      input: 'x',
      store: false,
      reasoning: { effort: 'low' },
      include: ['file_search_call.results', 'reasoning.encrypted_content'],
      instructions: 'S',
      max_output_tokens: 9,
      service_tier: 'flex',
    })
  })
})

test('thoughts of other models are left out of a conversation that goes on at OpenAI, and its own stay', () => {
  const own = { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'gAAA' }
  const input = [
    { role: 'user', content: 'a' },
    { type: 'reasoning', id: 'rs_2', summary: [], content: [{ type: 'reasoning_text', text: 'local' }] },
    { type: 'reasoning', id: 'rs_3', summary: [], encrypted_content: 'ih1.eyJ0' },
    own,
  ]
  const sent = outgoingOf(
    backend({ kind: 'openai' }),
    requestOf('openai-responses', { model: 'm', input, store: false }),
    targetOf('m'),
  )
  expect(jsonOf(sent)['input']).toEqual([input[0], own])
  expect(sent.warnings).toEqual(['reasoning'])
})

describe('a request of another dialect', () => {
  test('is said in the words of Responses', () => {
    const sealed = { type: 'reasoning', text: 'Hm.', signature: 'rs_7.gAAA' } as const
    const sent = said(
      {
        messages: [
          { role: 'system', parts: [{ type: 'text', text: 'S' }] },
          {
            role: 'user',
            parts: [
              { type: 'text', text: 'Q' },
              { type: 'image', source: { mediaType: 'image/png', data: 'AA==' }, detail: 'low' },
            ],
          },
          {
            role: 'assistant',
            parts: [
              sealed,
              { type: 'reasoning', text: 'another vendor’s', signature: 'EqQ=' },
              { type: 'text', text: 'A' },
              { type: 'tool-call', id: 'c1', name: 'f', input: '{"a":1}' },
            ],
          },
          {
            role: 'user',
            parts: [
              { type: 'tool-result', id: 'c1', parts: [{ type: 'text', text: 'R' }] },
              { type: 'text', text: 'and' },
            ],
          },
        ],
        tools: [{ name: 'f', parameters: { type: 'object' } }],
        toolChoice: { name: 'f' },
        parallelToolCalls: false,
        maxOutputTokens: 5,
        reasoningEffort: 'high',
        responseFormat: { type: 'json-schema', name: 'x', schema: {}, strict: true },
        logprobs: true,
        topLogprobs: 2,
        stop: ['END'],
        topK: 3,
        rest: { metadata: { a: 'b' }, verbosity: 'low' },
      },
      byResponses,
      { defaults: { temperature: 0.5, seed: 1 }, extra: { truncation: 'auto' } },
    )
    const expected = {
      model: 'm',
      input: [
        { type: 'message', role: 'system', content: [{ type: 'input_text', text: 'S' }] },
        {
          type: 'message',
          role: 'user',
          content: [
            { type: 'input_text', text: 'Q' },
            { type: 'input_image', image_url: 'data:image/png;base64,AA==', detail: 'low' },
          ],
        },
        {
          type: 'reasoning',
          id: 'rs_7',
          summary: [{ type: 'summary_text', text: 'Hm.' }],
          encrypted_content: 'gAAA',
        },
        // The vendor’s types want an id that only it can give.
        { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'A' }] } as never,
        { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{"a":1}' },
        { type: 'function_call_output', call_id: 'c1', output: 'R' },
        { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'and' }] },
      ],
      tools: [{ type: 'function', name: 'f', parameters: { type: 'object' }, strict: false }],
      tool_choice: { type: 'function', name: 'f' },
      parallel_tool_calls: false,
      text: { format: { type: 'json_schema', name: 'x', schema: {}, strict: true } },
      reasoning: { effort: 'high' },
      include: ['reasoning.encrypted_content', 'message.output_text.logprobs'],
      top_logprobs: 2,
      max_output_tokens: 5,
      temperature: 0.5,
      metadata: { a: 'b' },
      truncation: 'auto',
      store: false,
    } satisfies ResponseCreateParams
    expect(jsonOf(sent)).toEqual(expected)
    expect(sent.warnings.toSorted()).toEqual(['reasoning', 'seed', 'stop', 'top_k', 'verbosity'])
    expect(sent).toMatchObject({ dialect: 'openai-responses', stream: false })
  })

  test('says a budget of thought as the nearest effort, and that it was one', () => {
    const sent = said({ messages: [], reasoningBudgetTokens: 10_000 })
    expect(jsonOf(sent)).toMatchObject({ reasoning: { effort: 'medium' } })
    expect(sent.warnings).toEqual(['thinking.budget_tokens'])
  })

  test('is refused where it would be another request', () => {
    expect(() => said({ messages: [], choices: 2 })).toThrow(Failure)
    const audio = { type: 'opaque', dialect: 'openai-chat', value: { type: 'input_audio' } } as const
    expect(() => said({ messages: [{ role: 'user', parts: [audio] }] })).toThrow(Failure)
  })

  test('of any parts is said or refused, never broken on', () => {
    const text = fc.string()
    const part: fc.Arbitrary<Part> = fc.oneof(
      fc.record({ type: fc.constant('text' as const), text }),
      fc.record({
        type: fc.constant('reasoning' as const),
        text,
        signature: fc.oneof(
          text,
          text.map((t) => `rs_.${t}`),
        ),
      }),
      fc.record({ type: fc.constant('tool-call' as const), id: text, name: text, input: text }),
      fc.record({
        type: fc.constant('tool-result' as const),
        id: text,
        parts: fc.array(fc.record({ type: fc.constant('text' as const), text })),
      }),
      fc.record({ type: fc.constant('image' as const), source: fc.record({ url: text }) }),
    )
    const message = fc.record({
      role: fc.constantFrom('system' as const, 'user' as const, 'assistant' as const),
      parts: fc.array(part),
    })
    fc.assert(
      fc.property(fc.array(message), (messages) => {
        try {
          const { input } = jsonOf(said({ messages })) as { input: { type: string }[] }
          const calls = messages.flatMap(({ parts }) => parts.filter(({ type }) => type === 'tool-call'))
          expect(input.filter(({ type }) => type === 'function_call').length).toBe(calls.length)
        } catch (thrown) {
          if (!(thrown instanceof Failure)) throw thrown
          expect(thrown.code).toBe('unsupported')
        }
      }),
      { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 1000) },
    )
  })
})

describe('an answer', () => {
  type Item = Record<string, unknown> & { readonly type: string }
  const text = fc.string({ minLength: 1 })
  const item: fc.Arbitrary<Item> = fc.oneof(
    fc.record({
      type: fc.constant('message'),
      content: fc.array(
        fc.oneof(
          fc.record({ type: fc.constant('output_text'), text }),
          fc.record({ type: fc.constant('refusal'), refusal: text }),
        ),
        { minLength: 1, maxLength: 1 },
      ),
    }),
    fc.record({ type: fc.constant('function_call'), call_id: text, name: text, arguments: text }),
    fc.record({
      type: fc.constant('reasoning'),
      id: text,
      summary: fc.array(fc.record({ type: fc.constant('summary_text'), text })),
      encrypted_content: fc.option(text),
    }),
    fc.record({ type: fc.constant('web_search_call'), id: text }),
  )

  const deltasOf = (each: Item, index: number): object[] => {
    const at = { output_index: index }
    const cut = (value: unknown): string[] => [String(value).slice(0, 2), String(value).slice(2)]
    if (each.type === 'function_call')
      return cut(each['arguments']).map((delta) => ({
        type: 'response.function_call_arguments.delta',
        ...at,
        delta,
      }))
    const parts = (each['content'] ?? each['summary'] ?? []) as {
      type: string
      text?: string
      refusal?: string
    }[]
    return parts.flatMap((part, summary) =>
      cut(part.text ?? part.refusal).map((delta) => ({
        type:
          { output_text: 'response.output_text.delta', refusal: 'response.refusal.delta' }[part.type] ??
          'response.reasoning_summary_text.delta',
        ...at,
        summary_index: summary,
        delta,
      })),
    )
  }

  const streamed = (output: readonly Item[], told: 'all' | 'items' | 'end'): ModelEvent[] => {
    const reading = new ResponsesReading()
    const response = { id: 'r', model: 'm', output, status: 'completed' }
    const events = [
      { type: 'response.created', response: { id: 'r', model: 'm' } },
      ...(told === 'end'
        ? []
        : output.flatMap((each, at) => [
            { type: 'response.output_item.added', output_index: at, item: { ...each, arguments: '' } },
            ...(told === 'all' ? deltasOf(each, at) : []),
            { type: 'response.output_item.done', output_index: at, item: each },
          ])),
      { type: 'response.completed', response },
    ]
    return events.flatMap((event) => reading.message({ data: JSON.stringify(event) }))
  }

  test('says the same streamed, in items, and whole', () => {
    fc.assert(
      fc.property(fc.array(item, { maxLength: 5 }), (output) => {
        const body = JSON.stringify({ id: 'r', model: 'm', output, status: 'completed' })
        const whole = fold(new ResponsesReading().whole(new TextEncoder().encode(body)))
        for (const told of ['all', 'items', 'end'] as const)
          expect(fold(streamed(output, told))).toEqual(whole)
      }),
      { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 1000) },
    )
  })

  test('tells a thought once, also where its summary comes beside it', () => {
    const reading = new ResponsesReading()
    const events = [
      { type: 'response.reasoning_text.delta', output_index: 0, delta: 'raw' },
      { type: 'response.reasoning_summary_text.delta', output_index: 0, delta: 'in short' },
    ].flatMap((event) => reading.message({ data: JSON.stringify(event) }))
    expect(events).toEqual([{ type: 'reasoning', text: 'raw' }])
  })

  test('that is no answer is refused', () => {
    const whole = (body: string) => new ResponsesReading().whole(new TextEncoder().encode(body))
    expect(() => whole('{"id":"r"}')).toThrow(Failure)
    expect(whole('{"error":{"message":"no","code":"server_error"}}')).toMatchObject([
      { type: 'failure', code: 'upstream_failed' },
      { type: 'end' },
    ])
  })
})
