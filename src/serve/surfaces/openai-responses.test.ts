import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { accumulateResponse } from 'openai/lib/responses/ResponseAccumulator'
import type { Response, ResponseStreamEvent } from 'openai/resources/responses/responses'
import { Stream } from 'openai/streaming'

import type { ModelEvent } from '../../core/event.ts'
import { JsonText } from '../../core/json.ts'
import type { AnswerFacts } from '../../core/surface.ts'
import { atOnce } from '../../core/turns.ts'
import { reported } from '../../core/usage.ts'
import { eventFaults, faultsOf } from '../../testing/open-responses.ts'
import { openAiResponses, responseId } from './openai-responses.ts'

const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 1000)

const factsFor = (fields: Record<string, unknown> = {}): AnswerFacts => ({
  requestId: 'req_7',
  created: 1_700_000_000,
  tookMs: () => 2_000,
  request: openAiResponses.parse(JsonText.from({ model: 'small', input: 'hi', ...fields }), () => undefined),
})

function streamed(events: readonly ModelEvent[], facts = factsFor()): string {
  const writer = openAiResponses.stream(facts)
  return events.map((event) => String(writer.write(event))).join('')
}

const whole = (events: readonly ModelEvent[], facts = factsFor()): Response =>
  JSON.parse(String(openAiResponses.whole(events, facts))) as Response

/** The events of a stream; each named as its type, and `[DONE]` last. */
function eventsOf(text: string): ResponseStreamEvent[] {
  const messages = text.split('\n\n')
  expect(messages.slice(-2)).toEqual(['data: [DONE]', ''])
  return messages.slice(0, -2).map((message) => {
    const [, name, data = ''] = /^event: (.+)\ndata: (.+)$/.exec(message) ?? []
    const event = JSON.parse(data) as ResponseStreamEvent
    expect(name).toBe(event.type)
    return event
  })
}

/** Holds a stream against the specification, and gives what OpenAI's client makes of it. */
function checked(events: readonly ModelEvent[], facts = factsFor()): Response {
  const told = eventsOf(streamed(events, facts))
  expect(told.flatMap(eventFaults)).toEqual([])
  expect(told.map((event) => event.sequence_number)).toEqual(told.map((_, number) => number))
  let snapshot: ReturnType<typeof accumulateResponse> | undefined
  for (const event of told.slice(0, -1)) snapshot = accumulateResponse(event, snapshot)
  const last = told.at(-1)
  if (last === undefined || !('response' in last)) throw new Error('The last event has no response.')
  expect(JSON.parse(JSON.stringify(snapshot?.output))).toEqual(
    JSON.parse(JSON.stringify(last.response.output)),
  )
  return last.response
}

const typesOf = (events: readonly ModelEvent[], facts?: AnswerFacts): string[] =>
  eventsOf(streamed(events, facts)).map((event) => event.type.replace('response.', ''))

const usage: ModelEvent = {
  type: 'usage',
  usage: { input: reported(5), output: reported(2), cached: reported(4), reasoning: reported(1) },
}
const start: ModelEvent = { type: 'start', id: 'chatcmpl-1', model: 'small-1', created: 1 }
const ended = (reason: 'stop' | 'length' | 'tool-calls' | 'refusal'): ModelEvent[] => [
  { type: 'finish', reason },
  usage,
  { type: 'end' },
]
const hello: readonly ModelEvent[] = [
  start,
  { type: 'text', text: 'Hel' },
  { type: 'text', text: 'lo' },
  ...ended('stop'),
]

describe('a streamed response', () => {
  test('has the events of the specification in their order, and ends with the whole of it', () => {
    expect(typesOf(hello)).toEqual([
      'created',
      'in_progress',
      'output_item.added',
      'content_part.added',
      'output_text.delta',
      'output_text.delta',
      'output_text.done',
      'content_part.done',
      'output_item.done',
      'completed',
    ])
    expect(checked(hello)).toMatchObject({
      id: 'resp_7',
      status: 'completed',
      model: 'small-1',
      created_at: 1_700_000_000,
      completed_at: 1_700_000_002,
      output: [
        {
          type: 'message',
          id: 'msg_7_0',
          status: 'completed',
          content: [{ type: 'output_text', text: 'Hello' }],
        },
      ],
      usage: {
        input_tokens: 5,
        input_tokens_details: { cached_tokens: 4 },
        output_tokens: 2,
        output_tokens_details: { reasoning_tokens: 1 },
        total_tokens: 7,
      },
    })
    expect(responseId('req_7')).toBe('resp_7')
  })

  test('begins before the first word, so that a client knows the id of what it waits for', () => {
    const writer = openAiResponses.stream(factsFor())
    expect(String(writer.write(start))).toContain('event: response.created\n')
  })

  test('streams thoughts as their own summary, which whole is their content too', () => {
    const events: ModelEvent[] = [
      start,
      { type: 'reasoning', text: 'H' },
      { type: 'reasoning', text: 'm.' },
      { type: 'text', text: 'Yes' },
      ...ended('stop'),
    ]
    expect(typesOf(events).slice(2, 9)).toEqual([
      'output_item.added',
      'reasoning_summary_part.added',
      'reasoning_summary_text.delta',
      'reasoning_summary_text.delta',
      'reasoning_summary_text.done',
      'reasoning_summary_part.done',
      'output_item.done',
    ])
    expect(checked(events).output[0]).toEqual({
      type: 'reasoning',
      id: 'rs_7_0',
      summary: [{ type: 'summary_text', text: 'Hm.' }],
      content: [{ type: 'reasoning_text', text: 'Hm.' }],
    })
  })

  test('names each of several calls, and gives a call without arguments an empty object', () => {
    const events: ModelEvent[] = [
      start,
      { type: 'text', text: 'Let me look.' },
      { type: 'tool-call', index: 0, id: 'a', name: 'find' },
      { type: 'tool-call', index: 1, id: 'b', name: 'stop' },
      { type: 'tool-input', index: 0, json: '{"q":' },
      { type: 'tool-input', index: 0, json: '1}' },
      ...ended('tool-calls'),
    ]
    expect(checked(events).output.slice(1)).toMatchObject([
      { type: 'function_call', call_id: 'a', name: 'find', arguments: '{"q":1}', status: 'completed' },
      { type: 'function_call', call_id: 'b', name: 'stop', arguments: '{}', status: 'completed' },
    ])
  })

  test('gives the tools of a namespace and those that take free text back as the client knows them', () => {
    const facts = factsFor({
      tools: [
        { type: 'custom', name: 'apply_patch', format: { type: 'grammar', syntax: 'lark', definition: 'x' } },
        { type: 'namespace', name: 'mcp__files', tools: [{ type: 'function', name: 'read' }] },
      ],
    })
    const events: ModelEvent[] = [
      start,
      { type: 'tool-call', index: 0, id: 'a', name: 'apply_patch' },
      { type: 'tool-input', index: 0, json: '{"input":"*** Be' },
      { type: 'tool-input', index: 0, json: 'gin\\n"}' },
      { type: 'tool-call', index: 1, id: 'b', name: 'mcp__files__read' },
      { type: 'tool-input', index: 1, json: '{}' },
      ...ended('tool-calls'),
    ]
    const response = checked(events, facts)
    expect(response.output).toMatchObject([
      { type: 'custom_tool_call', id: 'ctc_7_0', call_id: 'a', name: 'apply_patch', input: '*** Begin\n' },
      { type: 'function_call', call_id: 'b', name: 'read', namespace: 'mcp__files' },
    ])
    expect(response.tools.map((tool) => 'name' in tool && tool.name)).toEqual([
      'apply_patch',
      'mcp__files__read',
    ])
    expect(typesOf(events, facts)).toContain('custom_tool_call_input.done')
  })

  test('says why it is incomplete: its length, or a filter; a refusal in words is an answer', () => {
    const long = checked([start, { type: 'text', text: 'Once' }, ...ended('length')])
    expect(long).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'max_output_tokens' },
      completed_at: null,
      output: [{ status: 'incomplete' }],
    })
    expect(checked([start, ...ended('refusal')])).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'content_filter' },
      output: [],
    })
    expect(checked([start, { type: 'refusal', text: 'No.' }, ...ended('refusal')])).toMatchObject({
      status: 'completed',
      output: [{ content: [{ type: 'refusal', refusal: 'No.' }] }],
    })
  })

  test('repeats what was asked, and what stands where nothing was', () => {
    const fields = {
      instructions: 'Be kind.',
      previous_response_id: 'resp_1',
      store: false,
      background: true,
      temperature: 0.5,
      max_output_tokens: 20,
      metadata: { a: 'b' },
      reasoning: { effort: 'low', summary: 'auto' },
      tool_choice: { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'f' }] },
      tools: [{ type: 'function', name: 'f', parameters: { type: 'object' } }, { type: 'web_search' }],
      text: { format: { type: 'json_schema', name: 'n', schema: { type: 'object' } }, verbosity: 'low' },
    }
    expect(checked(hello, factsFor(fields))).toMatchObject({
      instructions: 'Be kind.',
      previous_response_id: 'resp_1',
      store: false,
      background: true,
      temperature: 0.5,
      top_p: 1,
      max_output_tokens: 20,
      metadata: { a: 'b' },
      reasoning: { effort: 'low', summary: 'auto' },
      tool_choice: { type: 'allowed_tools', mode: 'required' },
      tools: [{ type: 'function', name: 'f', strict: null, description: null }],
      text: { format: { type: 'json_schema', name: 'n' }, verbosity: 'low' },
    })
    const {
      store,
      background,
      truncation,
      service_tier: tier,
    } = checked(hello) as Response & { store: boolean }
    expect({ store, background, truncation, tier }).toEqual({
      store: true,
      background: false,
      truncation: 'disabled',
      tier: 'default',
    })
  })

  test('carries log probabilities with the whole of a text', () => {
    const logprobs = {
      content: [{ token: 'a', logprob: -1, bytes: null, top_logprobs: [{ token: 'b', logprob: -2 }] }],
    }
    const response = checked([
      start,
      { type: 'text', text: 'a' },
      { type: 'logprobs', logprobs },
      ...ended('stop'),
    ])
    expect(response.output[0]).toMatchObject({
      content: [
        {
          logprobs: [
            { token: 'a', logprob: -1, bytes: [], top_logprobs: [{ token: 'b', logprob: -2, bytes: [] }] },
          ],
        },
      ],
    })
  })

  test('that fails says so with the code that clients act on, in its place or before the first word', () => {
    const failed = (code: 'context_exceeded' | 'rate_limited' | 'stalled', before: ModelEvent[] = []) =>
      checked([...before, { type: 'failure', code, facts: { message: 'No.', retryAfterMs: 1500 } }])
    expect(failed('context_exceeded')).toMatchObject({
      status: 'failed',
      error: { code: 'context_length_exceeded' },
      output: [],
    })
    const limited = failed('rate_limited').error
    expect(limited?.code).toBe('rate_limit_exceeded')
    expect(limited?.message).toEndWith('try again in 1.5s.')
    expect(failed('stalled', [start, { type: 'text', text: 'Hel' }])).toMatchObject({
      status: 'failed',
      error: { code: 'stalled' },
      output: [{ status: 'in_progress', content: [{ text: 'Hel' }] }],
    })
  })

  test('hands on an upstream’s own error code', () => {
    const body = {
      error: { message: 'Out of money.', type: 'insufficient_quota', code: 'insufficient_quota' },
    }
    const upstream = {
      status: 429,
      contentType: 'application/json',
      body: new TextEncoder().encode(JSON.stringify(body)),
    }
    const response = checked([
      { type: 'failure', code: 'upstream_rate_limited', facts: { message: 'No.', upstream } },
    ])
    expect(response.error).toMatchObject({ code: 'insufficient_quota', message: 'Out of money.' })
  })

  test('tells what it has no words for beside the output, and keeps what an upstream says in its own', () => {
    const opaque = (dialect: 'anthropic-messages' | 'openai-responses', value: unknown): ModelEvent => ({
      type: 'opaque',
      dialect,
      value,
    })
    const annotation = { type: 'url_citation', url: 'u', title: 't', start_index: 0, end_index: 1 }
    const search = { type: 'web_search_call', id: 'ws_1', status: 'completed' }
    const response = whole([
      start,
      opaque('openai-responses', search),
      { type: 'text', text: 'a' },
      opaque('openai-responses', { type: 'response.output_text.annotation.added', annotation }),
      opaque('anthropic-messages', { type: 'citations_delta', citation: 1 }),
      ...ended('stop'),
    ])
    expect(response.output).toMatchObject([search, { content: [{ annotations: [annotation] }] }])
    expect(response).toMatchObject({ untranslated: [{ index: 0, value: { citation: 1 } }] })
  })
})

describe('a thought that must come back unchanged', () => {
  const signed: ModelEvent[] = [
    start,
    { type: 'reasoning', text: 'Hm.' },
    { type: 'reasoning', text: '', signature: 'proof' },
    { type: 'opaque', dialect: 'anthropic-messages', value: { type: 'redacted_thinking', data: 'E' } },
    { type: 'text', text: 'Yes' },
    ...ended('stop'),
  ]
  const asked = factsFor({ store: false, include: ['reasoning.encrypted_content'] })

  test('travels sealed through a client without state, even one that drops the rest of it', () => {
    const { output } = checked(signed, asked)
    const back = output.map((item) =>
      item.type === 'reasoning' ? { ...item, summary: [], content: null } : item,
    )
    const { request } = factsFor({ input: [...back, { role: 'user', content: 'And?' }] })
    const prompt = atOnce(request.prompt())
    if (prompt.kind !== 'chat') throw new Error('no chat')
    expect(prompt.rest).toEqual({})
    expect(prompt.messages).toEqual([
      {
        role: 'assistant',
        parts: [
          { type: 'reasoning', text: 'Hm.', signature: 'proof' },
          { type: 'opaque', dialect: 'anthropic-messages', value: { type: 'redacted_thinking', data: 'E' } },
          { type: 'text', text: 'Yes' },
        ],
      },
      { role: 'user', parts: [{ type: 'text', text: 'And?' }] },
    ])
  })

  test('is sealed only for clients that ask, or whose answers are kept here', () => {
    expect(JSON.stringify(checked(signed, factsFor({ store: false })))).not.toContain('encrypted_content')
    expect(JSON.stringify(checked(signed, factsFor()))).toContain('encrypted_content')
  })
})

const said = fc.oneof(
  fc.record({
    type: fc.constantFrom('text' as const, 'reasoning' as const, 'refusal' as const),
    text: fc.string({ unit: 'binary' }),
  }),
  fc.record({ type: fc.constant('reasoning' as const), text: fc.string(), signature: fc.string() }),
  fc.record({ type: fc.constant('tool-input' as const), index: fc.nat(2), json: fc.string() }),
  fc.record({
    type: fc.constant('tool-call' as const),
    index: fc.nat(2),
    id: fc.string(),
    name: fc.string(),
  }),
  fc.record({
    type: fc.constant('logprobs' as const),
    logprobs: fc.record({ content: fc.array(fc.record({ token: fc.string(), logprob: fc.integer() })) }),
  }),
)
const answers = fc.record({
  said: fc.array(said),
  reason: fc.constantFrom('stop', 'length', 'refusal', 'tool-calls'),
})

test('a streamed and a whole response are the same, and valid, whatever the events', async () => {
  await fc.assert(
    fc.asyncProperty(answers, async ({ said: pieces, reason }) => {
      const seen = new Set<number>()
      const sensible = pieces.filter((event) => {
        if (event.type !== 'tool-call') return true
        const isNew = !seen.has(event.index)
        seen.add(event.index)
        return isNew
      })
      const events: ModelEvent[] = [start, ...sensible, ...ended(reason)]
      const last = checked(events)
      expect(last).toEqual(whole(events))
      expect(faultsOf('ResponseResource', whole(events))).toEqual([])
      const text = sensible.flatMap((event) => (event.type === 'text' ? [event.text] : [])).join('')
      const shown = last.output.flatMap((item) =>
        item.type === 'message'
          ? item.content.map((part) => (part.type === 'output_text' ? part.text : ''))
          : [],
      )
      expect(shown.join('')).toBe(text.toWellFormed())
    }),
    { numRuns: Math.ceil(numRuns / 4) },
  )
})

test('OpenAI’s own reader of streams finds every event', async () => {
  const seen: string[] = []
  const stream = Stream.fromSSEResponse<ResponseStreamEvent>(
    new globalThis.Response(streamed(hello)),
    new AbortController(),
  )
  for await (const event of stream) seen.push(event.type)
  expect(seen).toHaveLength(10)
})
