import { describe, expect, test } from 'bun:test'

import fc from 'fast-check'

import type { ModelEvent } from '../../core/event.ts'
import { Failure } from '../../core/failure.ts'
import type { UpstreamReply } from '../../core/send.ts'
import { outgoingOf, requestOf, targetOf } from '../../testing/asking.ts'
import { builtInPlaces } from '../../core/place.ts'
import { OpenAiReading } from './openai-read.ts'
import { openAiCompatible } from './openai-compatible.ts'

const id = { id: 'a', created: 1, model: 'm' }

const events = (...choices: readonly unknown[]): ModelEvent[] => {
  const reading = new OpenAiReading()
  const messages = choices.map((choice) => ({ data: JSON.stringify({ ...id, choices: [choice] }) }))
  return messages.flatMap(reading.message)
}

const calls = (...deltas: readonly unknown[]): ModelEvent[] =>
  events(
    ...deltas.map((each) => ({ index: 0, delta: { tool_calls: Array.isArray(each) ? each : [each] } })),
  ).slice(1)

describe('tool calls', () => {
  test('that all come whole with index 0 are counted apart by their ids', () => {
    const call = (name: string) => ({ index: 0, id: `id-${name}`, function: { name, arguments: '{}' } })
    expect(calls([call('f'), call('g')])).toEqual([
      { type: 'tool-call', index: 0, id: 'id-f', name: 'f' },
      { type: 'tool-input', index: 0, json: '{}' },
      { type: 'tool-call', index: 1, id: 'id-g', name: 'g' },
      { type: 'tool-input', index: 1, json: '{}' },
    ])
  })

  test('without an index belong to the call before, until another id comes', () => {
    const pieces = [
      { id: 'x', function: { name: 'f', arguments: '{' } },
      { function: { arguments: '}' } },
      { id: 'x', function: { arguments: ' ' } },
      { id: 'y', function: { name: 'g', arguments: '' } },
    ]
    expect(calls(...pieces)).toEqual([
      { type: 'tool-call', index: 0, id: 'x', name: 'f' },
      { type: 'tool-input', index: 0, json: '{' },
      { type: 'tool-input', index: 0, json: '}' },
      { type: 'tool-input', index: 0, json: ' ' },
      { type: 'tool-call', index: 1, id: 'y', name: 'g' },
    ])
  })

  test('without an id get one that stays the same when the answer is read again', () => {
    const piece = { index: 0, id: '', function: { name: 'f', arguments: { a: 1 } } }
    expect(calls(piece)).toEqual(calls(piece))
    expect(calls(piece)).toEqual([
      { type: 'tool-call', index: 0, id: 'call_a_0_0', name: 'f' },
      { type: 'tool-input', index: 0, json: '{"a":1}' },
    ])
  })

  test('end the answer for their own reason, also where the engine says only stop', () => {
    const [finish] = events(
      { index: 1, delta: { tool_calls: [{ index: 0, id: 'x', function: { name: 'f' } }] } },
      { index: 1, delta: {}, finish_reason: 'stop' },
    ).slice(-1)
    expect(finish).toEqual({ type: 'finish', reason: 'tool-calls', choice: 1 })
  })
})

test('a choice other than the first says which', () => {
  expect(events({ index: 2, delta: { content: 'a' }, finish_reason: 'length' }).slice(1)).toEqual([
    { type: 'text', text: 'a', choice: 2 },
    { type: 'finish', reason: 'length', choice: 2 },
  ])
})

test('a part of the content that is no text is kept beside the text', () => {
  const image = { type: 'image_url', image_url: { url: 'data:' } }
  const content = [{ type: 'text', text: 'a' }, image, { type: 'text', text: 'b' }]
  expect(events({ index: 0, message: { content } }).slice(1)).toEqual([
    { type: 'text', text: 'a' },
    { type: 'opaque', dialect: 'openai-chat', value: image },
    { type: 'text', text: 'b' },
  ])
})

test.each([
  ['eos_token', 'stop'],
  ['content_filter', 'refusal'],
  ['abort', 'other'],
])('the finish %s is %s', (raw, reason) => {
  expect(events({ index: 0, delta: {}, finish_reason: raw }).at(-1)).toEqual({
    type: 'finish',
    reason,
  } as never)
})

test('an error under status 200 is a failure event, not an answer', () => {
  const data = '{"id":"a","error":{"code":502,"message":"gone"},"choices":[{"finish_reason":"error"}]}'
  expect(new OpenAiReading().message({ data })).toMatchObject([{ type: 'failure', code: 'upstream_failed' }])
})

const backend = openAiCompatible.create(
  'x',
  { kind: 'openai-compatible', url: 'http://127.0.0.1:1/v1' },
  { place: builtInPlaces.local, send: () => Promise.reject(new Error('no socket here')) },
)
const asked = outgoingOf(backend, requestOf('openai-chat', '{"model":"m","stream":true}'), targetOf('m'))
const replyOf = (type: string | undefined): UpstreamReply => ({
  status: 200,
  header: (name) => (name === 'content-type' ? type : undefined),
  body: { read: () => Promise.resolve(undefined), all: () => Promise.resolve(new Uint8Array()), cancel() {} },
})

const readAs = (type: string | undefined, text: string): ModelEvent[] => {
  const reader = backend.reader(asked, replyOf(type))
  const frames = [...reader.push(new TextEncoder().encode(text)), ...reader.end()]
  return frames.flatMap((frame) => frame.events())
}

test('a whole answer to a streamed request is read as what it is', () => {
  const body = JSON.stringify({
    ...id,
    choices: [{ index: 0, message: { content: 'a' }, finish_reason: 'stop' }],
  })
  expect(readAs('application/json; charset=utf-8', body).map((event) => event.type)).toEqual([
    'start',
    'text',
    'finish',
    'end',
  ])
})

test('a stream that ends without a finish gets none from us, and no end', () => {
  const data = `data: ${JSON.stringify({ ...id, choices: [{ index: 0, delta: { content: 'a' } }] })}\n\n`
  expect(readAs('text/event-stream', data).map((event) => event.type)).toEqual(['start', 'text'])
  expect(readAs(undefined, data).map((event) => event.type)).toEqual(['start', 'text'])
})

test('a usage chunk may have null for its choices', () => {
  const usage = { prompt_tokens: 3, completion_tokens: 2 }
  const data = `data: ${JSON.stringify({ ...id, choices: null, usage })}\n\ndata: [DONE]\n\n`
  expect(readAs('text/event-stream', data).slice(1)).toEqual([
    {
      type: 'usage',
      usage: { input: { tokens: 3, source: 'reported' }, output: { tokens: 2, source: 'reported' } },
    },
    { type: 'end' },
  ])
})

test('what is not its dialect is told so, whatever it is', () => {
  const attempt = (text: string): string => {
    try {
      readAs('text/event-stream', text)
      return 'read'
    } catch (thrown) {
      return thrown instanceof Failure ? thrown.code : String(thrown)
    }
  }
  for (const text of [
    'data: <html>\n\n',
    'data: 7\n\n',
    'data: {"a":1}\n\n',
    'data: {"choices":[null]}\n\n',
  ]) {
    expect(attempt(text)).toBe('upstream_invalid')
  }
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (value, choice) => {
      const texts = [JSON.stringify(value), JSON.stringify({ choices: [choice] })]
      for (const text of texts) expect(['read', 'upstream_invalid']).toContain(attempt(`data: ${text}\n\n`))
    }),
    { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 1000) },
  )
})
