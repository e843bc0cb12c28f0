import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import type { ChatResponse, EmbedResponse, GenerateResponse } from 'ollama'

import type { ModelEvent } from '../../core/event.ts'
import { Failure } from '../../core/failure.ts'
import { JsonText } from '../../core/json.ts'
import type { AnswerFacts, Surface } from '../../core/surface.ts'
import { reported } from '../../core/usage.ts'
import { ollamaChat } from './ollama-chat.ts'
import { ollamaEmbed, ollamaEmbeddings } from './ollama-embed.ts'
import { ollamaError } from './ollama-error.ts'
import { ollamaGenerate } from './ollama-generate.ts'
import { ollamaMetrics } from './ollama-metrics.ts'

const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 1000)
const tookMs = 1500
const factsFor = (surface: Surface): AnswerFacts => ({
  requestId: 'r1',
  created: 1_700_000_000,
  request: surface.parse(
    JsonText.from({ model: 'small', messages: [{}], prompt: 'p', input: 'i' }),
    () => undefined,
  ),
  tookMs: () => tookMs,
})

type Line = Omit<ChatResponse, 'created_at'> & Omit<GenerateResponse, 'created_at'> & { error?: string }
function streamed(surface: Surface, events: readonly ModelEvent[]): Line[] {
  const writer = surface.stream(factsFor(surface))
  const text = events.map((event) => String(writer.write(event))).join('')
  expect(text === '' || text.endsWith('\n')).toBe(true)
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line)
}
const whole = (surface: Surface, events: readonly ModelEvent[]): Line =>
  JSON.parse(String(surface.whole(events, factsFor(surface)))) as Line

const usage: ModelEvent = { type: 'usage', usage: { input: reported(7), output: reported(3) } }
const timing: ModelEvent = { type: 'timing', loadMs: 100, prefillMs: 200, decodeMs: 300 }
const events: ModelEvent[] = [
  { type: 'start', model: 'someone-elses-name' },
  { type: 'reasoning', text: 'hm' },
  { type: 'text', text: 'Hel' },
  { type: 'text', text: 'lo' },
  { type: 'tool-call', index: 0, id: 'c1', name: 'f' },
  { type: 'tool-input', index: 0, json: '{"a":' },
  { type: 'tool-call', index: 1, id: 'c2', name: 'g' },
  { type: 'tool-input', index: 0, json: '1}' },
  { type: 'opaque', dialect: 'anthropic-messages', value: { type: 'redacted_thinking' } },
  { type: 'finish', reason: 'tool-calls' },
  usage,
  timing,
  { type: 'end' },
]
const figures = {
  total_duration: 1_500_000_000,
  load_duration: 100_000_000,
  prompt_eval_count: 7,
  prompt_eval_duration: 200_000_000,
  eval_count: 3,
  eval_duration: 300_000_000,
}
const calls = [
  { id: 'c1', function: { index: 0, name: 'f', arguments: { a: 1 } } },
  { id: 'c2', function: { index: 1, name: 'g', arguments: {} } },
]

describe('a chat', () => {
  test('is streamed as a line for each piece, calls whole, the figures in the last', () => {
    const lines = streamed(ollamaChat, events)
    const head = { model: 'small', created_at: '2023-11-14T22:13:21.500Z' }
    const piece = (message: object) => ({
      ...head,
      message: { role: 'assistant', content: '', ...message },
      done: false,
    })
    expect(lines as unknown[]).toEqual([
      piece({ thinking: 'hm' }),
      piece({ content: 'Hel' }),
      piece({ content: 'lo' }),
      piece({ untranslated: [{ type: 'redacted_thinking' }] }),
      piece({ tool_calls: calls }),
      { ...piece({}), done: true, done_reason: 'stop', ...figures },
    ])
  })

  test('that is asked for whole has everything in one', () => {
    expect(whole(ollamaChat, events) as unknown).toEqual({
      model: 'small',
      created_at: '2023-11-14T22:13:21.500Z',
      message: {
        role: 'assistant',
        content: 'Hello',
        thinking: 'hm',
        tool_calls: calls,
        untranslated: [{ type: 'redacted_thinking' }],
      },
      done: true,
      done_reason: 'stop',
      ...figures,
    })
  })

  test('shows a call that was cut off as the text that the model wrote', () => {
    const cut: ModelEvent[] = [
      { type: 'tool-call', index: 0, id: 'c', name: 'f' },
      { type: 'tool-input', index: 0, json: '{"a": "b' },
      { type: 'finish', reason: 'length' },
      { type: 'end' },
    ]
    for (const line of [whole(ollamaChat, cut), streamed(ollamaChat, cut)[0]]) {
      expect(line?.message.content).toBe('{"name":"f","arguments":{"a": "b')
      expect(line?.message.tool_calls).toBeUndefined()
    }
    expect(streamed(ollamaChat, cut).at(-1)?.done_reason).toBe('length')
  })

  test('has log probabilities in Ollama’s shape, from OpenAI’s two', () => {
    const top = [{ token: 'a', logprob: -1, bytes: null }]
    const chat = { content: [{ token: 'a', logprob: -1, bytes: [97], top_logprobs: top }], refusal: null }
    const completion = { tokens: ['a'], token_logprobs: [-1], top_logprobs: [{ a: -1 }] }
    const told = (logprobs: unknown) =>
      streamed(ollamaChat, [{ type: 'logprobs', logprobs }])[0]?.logprobs as unknown
    expect(told(chat)).toEqual([
      { token: 'a', logprob: -1, bytes: [97], top_logprobs: [{ token: 'a', logprob: -1 }] },
    ])
    expect(told(completion)).toEqual([
      { token: 'a', logprob: -1, top_logprobs: [{ token: 'a', logprob: -1 }] },
    ])
    expect(told([{ token: 'a', logprob: -1 }])).toEqual([{ token: 'a', logprob: -1 }])
    expect(told(null)).toBeUndefined()
  })

  test('that fails in its stream ends with the error, and no last line', () => {
    const lines = streamed(ollamaChat, [
      { type: 'text', text: 'a' },
      { type: 'failure', code: 'stalled', facts: { message: 'It stalled.' } },
      { type: 'end' },
    ])
    expect(lines.map((line) => line.error)).toEqual([undefined, expect.stringContaining('It stalled.')])
  })
})

test('every line is JSON that clients read, also a heartbeat, and says together what a whole answer says', () => {
  const anyText = fc.string({ unit: 'grapheme' })
  const piece = fc.oneof(
    fc.record({ type: fc.constantFrom('text' as const, 'reasoning' as const), text: anyText }),
    fc.record({ type: fc.constant('logprobs' as const), logprobs: fc.jsonValue() }),
    fc.constant(usage),
    fc.record({ type: fc.constant('tool-call' as const), index: fc.nat(2), id: anyText, name: anyText }),
    fc.record({ type: fc.constant('tool-input' as const), index: fc.nat(2), json: anyText }),
    fc.record({ type: fc.constant('text' as const), text: anyText, choice: fc.constant(1) }),
  )
  fc.assert(
    fc.property(fc.array(piece), fc.constantFrom(ollamaChat, ollamaGenerate), (pieces, surface) => {
      const all: ModelEvent[] = [...pieces, { type: 'finish', reason: 'stop' }, { type: 'end' }]
      const lines = [JSON.parse(surface.heartbeat) as Line, ...streamed(surface, all)]
      expect(lines.map(({ done }) => done)).toEqual(lines.map((_, at) => at === lines.length - 1))
      const once = whole(surface, all)
      const text = (line: Line): string => line.message?.content ?? line.response ?? ''
      const thought = (line: Line): string => line.message?.thinking ?? line.thinking ?? ''
      expect(lines.map(text).join('')).toBe(text(once))
      expect(lines.map(thought).join('')).toBe(thought(once))
    }),
    { numRuns },
  )
})

test('durations are whole nanoseconds that fit into the whole call, whatever an engine says', () => {
  const ms = fc.option(fc.double({ min: 0, max: 1e7, noNaN: true }), { nil: undefined })
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1e6, noNaN: true }),
      fc.record({ loadMs: ms, prefillMs: ms, decodeMs: ms, queueMs: ms }),
      ms,
      (took, times, firstMs) => {
        const told = Object.fromEntries(Object.entries(times).filter(([, time]) => time !== undefined))
        const made = ollamaMetrics(undefined, told, { tookMs: took, firstMs })
        const parts = [made.load_duration, made.prompt_eval_duration, made.eval_duration]
        for (const part of parts) expect(Number.isSafeInteger(part) && part >= 0).toBe(true)
        expect(parts.reduce((sum, part) => sum + part, 0)).toBeLessThanOrEqual(made.total_duration)
        expect(Math.abs(made.total_duration - took * 1e6)).toBeLessThanOrEqual(0.5)
      },
    ),
    { numRuns },
  )
})

test('generate has its text in `response`', () => {
  expect(streamed(ollamaGenerate, events)[1]).toMatchObject({ response: 'Hel', done: false })
  expect(whole(ollamaGenerate, events)).toMatchObject({ response: 'Hello', thinking: 'hm', ...figures })
})

test('vectors come as numbers, all in order or the one', () => {
  const base64 = Buffer.from(new Float32Array([0.5, -1]).buffer).toString('base64')
  const made: ModelEvent[] = [
    { type: 'embedding', index: 1, vector: [3] },
    { type: 'embedding', index: 0, vector: base64 },
    usage,
    { type: 'end' },
  ]
  expect(JSON.parse(String(ollamaEmbed.whole(made, factsFor(ollamaEmbed)))) as EmbedResponse).toEqual({
    model: 'small',
    embeddings: [[0.5, -1], [3]],
    total_duration: 1_500_000_000,
    load_duration: 0,
    prompt_eval_count: 7,
  })
  const one = String(ollamaEmbeddings.whole(made, factsFor(ollamaEmbeddings)))
  expect(JSON.parse(one) as unknown).toEqual({ embedding: [0.5, -1] })
})

test('an error is one text; an upstream’s own goes through as it came, but for one about our credentials', () => {
  const upstream = {
    status: 400,
    contentType: 'application/json',
    body: Buffer.from('{"error":  "the prompt is too long"}\n'),
  }
  const told = (failure: Failure): string => ollamaError(failure, 'r1')
  expect(told(new Failure('context_exceeded', { message: 'No.', upstream }))).toBe(
    '{"error":  "the prompt is too long"}',
  )
  expect(told(new Failure('upstream_auth', { message: 'No.', upstream }))).not.toContain('prompt')
  const openAi = { ...upstream, body: Buffer.from('{"error":{"message":"x"}}') }
  expect(JSON.parse(told(new Failure('bad_request', { message: 'No.', upstream: openAi })))).toEqual({
    error: expect.stringMatching(/^No\. /),
  })
  expect(told(new Failure('model_unknown', 'There is none.'))).toContain('not found')
})
