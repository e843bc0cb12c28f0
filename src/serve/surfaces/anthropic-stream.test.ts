import { describe, expect, test } from 'bun:test'
import Anthropic, { APIError } from '@anthropic-ai/sdk'
import * as fc from 'fast-check'

import type { ModelEvent } from '../../core/event.ts'
import { Failure } from '../../core/failure.ts'
import { JsonText } from '../../core/json.ts'
import type { AnswerFacts } from '../../core/surface.ts'
import { reported } from '../../core/usage.ts'
import { anthropicCount } from './anthropic-count.ts'
import { anthropicMessages } from './anthropic-messages.ts'

const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 1000)
const ask = { model: 'small', max_tokens: 9, messages: [{ role: 'user' as const, content: 'hi' }] }

const facts: AnswerFacts = {
  requestId: 'r1',
  created: 1700000000,
  request: anthropicMessages.parse(JsonText.from({ ...ask, stream: true }), () => undefined),
}

function streamed(events: readonly ModelEvent[]): string {
  const writer = anthropicMessages.stream(facts)
  return events.map((event) => String(writer.write(event))).join('')
}

const whole = (events: readonly ModelEvent[]): unknown =>
  JSON.parse(String(anthropicMessages.whole(events, facts)))

/** Each event’s name and data, and that both say the same type. */
const eventsIn = (text: string): { readonly type: string }[] =>
  text
    .split('\n\n')
    .slice(0, -1)
    .map((message) => {
      const [, name, data] = /^event: (\w+)\ndata: (.*)$/.exec(message) ?? []
      const event = JSON.parse(data ?? '') as { type: string }
      expect(event.type).toBe(name ?? '')
      return event
    })

/** What Anthropic’s own client makes of a stream. */
const read = (text: string): Promise<Anthropic.Message> =>
  new Anthropic({
    apiKey: 'k',
    fetch: async () => new Response(text, { headers: { 'content-type': 'text/event-stream' } }),
  }).messages
    .stream(ask)
    .finalMessage()

const usage: ModelEvent = {
  type: 'usage',
  usage: {
    input: reported(1012),
    cached: reported(900),
    cacheWrite: reported(100),
    output: reported(5),
    reasoning: reported(2),
  },
}

const counted = {
  input_tokens: 12,
  cache_creation_input_tokens: 100,
  cache_read_input_tokens: 900,
  output_tokens: 5,
  output_tokens_details: { thinking_tokens: 2 },
}

const turn: readonly ModelEvent[] = [
  { type: 'start', id: 'msg_7', model: 'small-1' },
  { type: 'reasoning', text: 'Hm' },
  { type: 'reasoning', text: '.', signature: 'sig' },
  { type: 'text', text: 'Lo' },
  { type: 'text', text: 'ok.' },
  { type: 'tool-call', index: 0, id: 't1', name: 'f' },
  { type: 'tool-input', index: 0, json: '{"a":' },
  { type: 'tool-input', index: 0, json: '1}' },
  { type: 'tool-call', index: 1, id: 't2', name: 'g' },
  { type: 'tool-input', index: 1, json: '{}' },
  { type: 'finish', reason: 'tool-calls' },
  usage,
  { type: 'end' },
]

describe('a streamed answer', () => {
  test('has Anthropic’s events in their order, and the usage where its counting wants it', () => {
    const start = (index: number, block: object) => ({
      type: 'content_block_start',
      index,
      content_block: block,
    })
    const delta = (index: number, said: object) => ({ type: 'content_block_delta', index, delta: said })
    const stop = (index: number) => ({ type: 'content_block_stop', index })
    const none = {
      input_tokens: 0,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      output_tokens: 0,
    }
    expect(eventsIn(streamed(turn))).toEqual([
      {
        type: 'message_start',
        message: {
          id: 'msg_7',
          type: 'message',
          role: 'assistant',
          model: 'small-1',
          content: [],
          stop_reason: null,
          stop_sequence: null,
          usage: none,
        },
      },
      start(0, { type: 'thinking', thinking: '', signature: '' }),
      delta(0, { type: 'thinking_delta', thinking: 'Hm' }),
      delta(0, { type: 'thinking_delta', thinking: '.' }),
      delta(0, { type: 'signature_delta', signature: 'sig' }),
      stop(0),
      start(1, { type: 'text', text: '' }),
      delta(1, { type: 'text_delta', text: 'Lo' }),
      delta(1, { type: 'text_delta', text: 'ok.' }),
      stop(1),
      start(2, { type: 'tool_use', id: 't1', name: 'f', input: {} }),
      delta(2, { type: 'input_json_delta', partial_json: '{"a":' }),
      delta(2, { type: 'input_json_delta', partial_json: '1}' }),
      stop(2),
      start(3, { type: 'tool_use', id: 't2', name: 'g', input: {} }),
      delta(3, { type: 'input_json_delta', partial_json: '{}' }),
      stop(3),
      { type: 'message_delta', delta: { stop_reason: 'tool_use', stop_sequence: null }, usage: counted },
      { type: 'message_stop' },
    ] as object[] as { type: string }[])
  })

  test('shows each piece when it comes: nothing waits for the end', () => {
    const writer = anthropicMessages.stream(facts)
    for (const event of turn) {
      const shown = String(writer.write(event))
      if ('text' in event && event.text !== '') expect(shown).toContain(JSON.stringify(event.text))
      if ('json' in event) expect(shown).toContain(JSON.stringify(event.json))
    }
  })

  test('says what the prompt was as soon as it is known', () => {
    const [first] = eventsIn(
      streamed([{ type: 'start' }, usage, { type: 'text', text: 'a' }, { type: 'end' }]),
    )
    expect(first).toMatchObject({ message: { id: 'msg_r1', model: 'small', usage: counted } })
  })

  test('of calls whose arguments come in turns has one call after the other', async () => {
    const events: ModelEvent[] = [
      { type: 'start' },
      { type: 'tool-call', index: 0, id: 't1', name: 'f' },
      { type: 'tool-call', index: 1, id: 't2', name: 'g' },
      { type: 'tool-input', index: 1, json: '{"b":' },
      { type: 'tool-input', index: 0, json: '{"a":{}' },
      { type: 'tool-input', index: 1, json: '2}' },
      { type: 'tool-input', index: 0, json: '}' },
      { type: 'finish', reason: 'tool-calls' },
      { type: 'end' },
    ]
    const indexes = eventsIn(streamed(events)).flatMap((event) => ('index' in event ? [event.index] : []))
    expect(indexes).toEqual([0, 0, 0, 0, 1, 1, 1, 1])
    expect((await read(streamed(events))).content).toMatchObject([{ input: { a: {} } }, { input: { b: 2 } }])
  })

  test('that breaks off ends with an error and nothing after it', async () => {
    const text = streamed([
      { type: 'start' },
      { type: 'text', text: 'Once' },
      { type: 'failure', code: 'stalled', facts: { message: 'It paused too long.' } },
      { type: 'end' },
    ])
    expect(eventsIn(text).at(-1)).toMatchObject({
      type: 'error',
      error: { type: 'timeout_error', details: { error_code: 'stalled' } },
      request_id: 'r1',
    })
    const failure = await read(text).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    expect(failure).toBeInstanceOf(APIError)
    expect(String(failure)).toContain('It paused too long.')
  })

  test('is kept alive by pings, which clients skip, also before it begins', async () => {
    const message = await read(anthropicMessages.heartbeat + streamed(turn))
    expect(message.stop_reason).toBe('tool_use')
  })
})

describe('a streamed answer and a whole one', () => {
  const piece = fc.oneof(
    fc.record({ type: fc.constant('text'), text: fc.string({ unit: 'grapheme' }) }),
    fc.record({ type: fc.constant('refusal'), text: fc.string() }),
    fc.record({ type: fc.constant('reasoning'), text: fc.string() }),
    fc.record({ type: fc.constant('reasoning'), text: fc.string(), signature: fc.string({ minLength: 1 }) }),
    fc.record({
      type: fc.constant('opaque'),
      dialect: fc.constant('anthropic-messages'),
      value: fc.record({ type: fc.constant('redacted_thinking'), data: fc.string() }),
    }),
  ) as fc.Arbitrary<ModelEvent>
  /** A call, its arguments cut into pieces. */
  const call = fc.tuple(fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 3 }), fc.nat(), fc.boolean())
  const callEvents = (index: number, [input, cut, isWhole]: [object, number, boolean]): ModelEvent[] => {
    const json = JSON.stringify(input)
    const at = cut % json.length
    const pieces = isWhole ? [json] : [json.slice(0, at), json.slice(at)]
    return [
      { type: 'tool-call', index, id: `t${index}`, name: 'f' },
      ...pieces.map((each): ModelEvent => ({ type: 'tool-input', index, json: each })),
    ]
  }
  const finish = fc.record({
    type: fc.constant('finish'),
    reason: fc.constantFrom('stop', 'length', 'tool-calls', 'refusal', 'other'),
  }) as fc.Arbitrary<ModelEvent>

  test('are the same to a client, however the pieces of text, thoughts and calls are mixed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(piece, { maxLength: 6 }),
        fc.array(call, { maxLength: 3 }),
        fc.array(fc.nat(3), { maxLength: 20 }),
        finish,
        async (pieces, calls, order, last) => {
          // Text may come between the arguments of calls, and these in turns; each in its own order.
          const queues = [[...pieces], ...calls.map((each, index) => callEvents(index, each))]
          const mixed: ModelEvent[] = [{ type: 'start', id: 'msg_1' }]
          for (const at of order) {
            const next = queues[at]?.shift()
            if (next !== undefined) mixed.push(next)
          }
          for (const queue of queues) mixed.push(...queue)
          mixed.push(last, usage, { type: 'end' })
          const { content, stop_reason, stop_sequence, usage: told, id } = await read(streamed(mixed))
          expect(
            JSON.parse(JSON.stringify({ content, stop_reason, stop_sequence, usage: told, id })),
          ).toEqual(only(whole(mixed), ['content', 'stop_reason', 'stop_sequence', 'usage', 'id']))
        },
      ),
      { numRuns: Math.min(numRuns, 2000) },
    )
  })
})

const only = (value: unknown, keys: readonly string[]): object =>
  Object.fromEntries(Object.entries(value as object).filter(([key]) => keys.includes(key)))

describe('a whole answer', () => {
  test('has the message as Anthropic gives it', () => {
    expect(whole(turn)).toEqual({
      id: 'msg_7',
      type: 'message',
      role: 'assistant',
      model: 'small-1',
      content: [
        { type: 'thinking', thinking: 'Hm.', signature: 'sig' },
        { type: 'text', text: 'Look.' },
        { type: 'tool_use', id: 't1', name: 'f', input: { a: 1 } },
        { type: 'tool_use', id: 't2', name: 'g', input: {} },
      ],
      stop_reason: 'tool_use',
      stop_sequence: null,
      usage: counted,
    })
  })

  test.each([
    [{ reason: 'stop' }, 'end_turn', null],
    [{ reason: 'stop', stopSequence: 'X' }, 'stop_sequence', 'X'],
    [{ reason: 'length' }, 'max_tokens', null],
    [{ reason: 'refusal' }, 'refusal', null],
    [{ reason: 'other' }, 'end_turn', null],
  ] as const)('that ends with %j says %s', (finish, reason, sequence) => {
    const events: ModelEvent[] = [{ type: 'text', text: 'a' }, { type: 'finish', ...finish }, { type: 'end' }]
    const expected = { stop_reason: reason, stop_sequence: sequence }
    expect(whole(events)).toMatchObject(expected)
    expect(eventsIn(streamed(events))).toContainEqual(expect.objectContaining({ delta: expected }))
  })

  test('in which the model says no ends as a refusal', () => {
    const events: ModelEvent[] = [
      { type: 'refusal', text: 'No.' },
      { type: 'finish', reason: 'stop' },
      { type: 'end' },
    ]
    expect(whole(events)).toMatchObject({ content: [{ type: 'text', text: 'No.' }], stop_reason: 'refusal' })
    expect(streamed(events)).toContain('"stop_reason":"refusal"')
  })

  test('shows arguments that are no object as they are', () => {
    const input = (json: string): unknown =>
      whole([
        { type: 'tool-call', index: 0, id: 't', name: 'f' },
        { type: 'tool-input', index: 0, json },
        { type: 'end' },
      ])
    expect(input('{"a":')).toMatchObject({ content: [{ input: { arguments: '{"a":' } }] })
    expect(input('7')).toMatchObject({ content: [{ input: { arguments: 7 } }] })
  })

  test('keeps citations with their text, and shows what it has no block for', () => {
    const events: ModelEvent[] = [
      { type: 'text', text: 'a' },
      {
        type: 'opaque',
        dialect: 'anthropic-messages',
        value: { type: 'citations_delta', citation: { at: 1 } },
      },
      { type: 'opaque', dialect: 'openai-chat', value: { audio: 'x' } },
      { type: 'finish', reason: 'stop' },
      { type: 'end' },
    ]
    expect(whole(events)).toMatchObject({
      content: [{ type: 'text', text: 'a', citations: [{ at: 1 }] }],
      untranslated: [{ audio: 'x' }],
    })
    expect(eventsIn(streamed(events))).toContainEqual(
      expect.objectContaining({ type: 'message_delta', untranslated: [{ audio: 'x' }] }),
    )
    expect(streamed(events)).toContain('"delta":{"type":"citations_delta","citation":{"at":1}}')
  })

  test('that failed is thrown', () => {
    const failed: ModelEvent = { type: 'failure', code: 'upstream_failed', facts: { message: 'No.' } }
    expect(() => whole([failed, { type: 'end' }])).toThrow(Failure)
  })
})

test('a count is told as Anthropic tells it; without one the answer is invalid', () => {
  expect(anthropicCount.whole([usage, { type: 'end' }], facts)).toBe('{"input_tokens":1012}')
  expect(() => anthropicCount.whole([{ type: 'end' }], facts)).toThrow('told no count')
})
