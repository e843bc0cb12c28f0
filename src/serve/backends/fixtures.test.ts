import { describe, expect, test } from 'bun:test'
import { readdirSync } from 'node:fs'

import type { Frame, FrameReader, ModelEvent } from '../../core/event.ts'
import { mergeUsage } from '../../core/usage.ts'
import type { Usage } from '../../core/usage.ts'
import { vendorStreams } from '../../testing/vendor-streams.ts'
import { wholeReader } from '../stream/whole.ts'
import { SseReader } from '../stream/sse.ts'
import { AnthropicReading } from './anthropic-read.ts'
import { countReading, embedReading } from './gemini-figures.ts'
import { GeminiReading } from './gemini-read.ts'
import { InfillReading } from './infill-read.ts'
import { OpenAiReading } from './openai-read.ts'
import type { Reading } from './reading.ts'
import { ResponsesReading } from './responses-read.ts'

const folder = new URL('../../../fixtures/streams/', import.meta.url)

const vendors = ['llama-server', 'openai', 'azure', 'openrouter', 'localai', 'vllm', 'anthropic', 'gemini']

const files = vendors.flatMap((vendor) =>
  readdirSync(new URL(`${vendor}/`, folder))
    .filter((name) => /(?<!\.request)\.(?:sse|json)$/.test(name))
    .map((name) => `${vendor}/${name}`),
)

const bytesOf = (file: string): Promise<Uint8Array> => Bun.file(new URL(file, folder)).bytes()

function readingFor(file: string): Reading {
  if (file.startsWith('anthropic/')) return new AnthropicReading()
  if (file === 'gemini/embed.json') return embedReading
  if (file === 'gemini/count.json') return countReading
  if (file.startsWith('gemini/')) return new GeminiReading()
  if (file.startsWith('openai/responses')) return new ResponsesReading()
  return file.includes('/infill') ? new InfillReading() : new OpenAiReading()
}

function readerFor(file: string): FrameReader {
  const reading = readingFor(file)
  return file.endsWith('.sse') ? new SseReader(reading.message) : wholeReader(reading.whole)
}

function read(file: string, pieces: readonly Uint8Array[]): readonly Frame[] {
  const reader = readerFor(file)
  return [...pieces.flatMap((piece) => reader.push(piece)), ...reader.end()]
}

const eventsOf = (frames: readonly Frame[]): ModelEvent[] => frames.flatMap((frame) => frame.events())

const broken = new Set(['anthropic/error.sse', 'openai/responses-failed.sse'])

/** Some broke; Gemini’s have no word for it, and end with their body. */
const hasEnd = (file: string): boolean => !broken.has(file) && !/^gemini\/.*\.sse$/.test(file)

describe.each(files)('%s', (file) => {
  test('means the same at every split, and its frames are its bytes', async () => {
    const bytes = await bytesOf(file)
    const expected = JSON.stringify(eventsOf(read(file, [bytes])))
    // A whole body is one frame however it comes: a few splits say as much as all.
    const step = file.endsWith('.sse') ? 1 : Math.ceil(bytes.length / 50)
    for (let at = 0; at <= bytes.length; at += step) {
      const frames = read(file, [bytes.subarray(0, at), bytes.subarray(at)])
      if (JSON.stringify(eventsOf(frames)) !== expected) throw new Error(`other events when split at ${at}`)
      if (Buffer.compare(Buffer.concat(frames.map((frame) => frame.bytes)), bytes) !== 0) {
        throw new Error(`other bytes when split at ${at}`)
      }
    }
  })

  test('ends once and last, where it says so at all', async () => {
    const events = eventsOf(read(file, [await bytesOf(file)]))
    const ends = events.filter((event) => event.type === 'end').length
    expect(ends).toBe(hasEnd(file) ? 1 : 0)
    if (ends === 1) expect(events.at(-1)).toEqual({ type: 'end' })
  })

  test('is read byte by byte as it is read at once', async () => {
    const bytes = await bytesOf(file)
    const single = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))
    expect(eventsOf(read(file, single))).toEqual(eventsOf(read(file, [bytes])))
  })
})

/** What a reader of the answer would say about it. */
async function gist(file: string): Promise<Record<string, unknown>> {
  const events = eventsOf(read(file, [await bytesOf(file)]))
  const joined = (type: 'text' | 'reasoning' | 'refusal'): string =>
    events.map((event) => (event.type === type ? event.text : '')).join('')
  let usage: Usage | undefined
  const calls: string[] = []
  for (const event of events) {
    if (event.type === 'usage') usage = mergeUsage(usage, event.usage)
    if (event.type === 'tool-call') calls[event.index] = `${event.name} `
    if (event.type === 'tool-input') calls[event.index] += event.json
  }
  const tokens = Object.fromEntries(
    Object.entries(usage ?? {}).flatMap(([figure, count]) =>
      'tokens' in count ? [[figure, count.tokens] as const] : [],
    ),
  )
  const finish = events.find((event) => event.type === 'finish')
  return Object.fromEntries(
    Object.entries({
      text: joined('text'),
      reasoning: joined('reasoning'),
      refusal: joined('refusal'),
      calls,
      tokens,
      finish: finish?.reason,
      cost: usage?.cost?.nano,
      stop: finish?.stopSequence,
      code: events.find((event) => event.type === 'failure')?.code,
    }).filter(([, value]) => value !== undefined && value !== '' && JSON.stringify(value) !== '[]'),
  )
}

test.each([
  ['llama-server/chat.sse', { text: 'Grüße, 日本 🌟!', finish: 'stop' }],
  ['llama-server/chat-length.sse', { finish: 'length', tokens: { input: 12, output: 3, cached: 11 } }],
  ['llama-server/chat-tools.sse', { calls: ['get_weather {"city": "Paris"}'], finish: 'tool-calls' }],
  ['llama-server/chat-tools-whole.json', { calls: ['get_weather {"city": "Paris"}'], finish: 'tool-calls' }],
  ['llama-server/completion-stop.sse', { text: ' four,', finish: 'stop' }],
  ['llama-server/completion-prompts.sse', { tokens: { input: 5, output: 4 } }],
  ['llama-server/chat-choices.sse', { tokens: { input: 12, output: 4 } }],
  ['llama-server/completion-whole.json', { text: ' four, five,', finish: 'length' }],
  ['llama-server/error-context.json', { code: 'context_exceeded' }],
  [
    'openai/chat.sse',
    {
      text: 'Grüß Gott',
      finish: 'stop',
      tokens: { input: 1117, output: 46, cached: 1024, reasoning: 40 },
    },
  ],
  ['openai/chat-tools.sse', { calls: ['get_weather {"city":"Köln"}', 'get_time {}'], finish: 'tool-calls' }],
  ['openai/chat-refusal.json', { refusal: 'I can’t help with that.', finish: 'stop' }],
  [
    'openai/responses-tools.sse',
    {
      reasoning: '**Weather** first.\n\nThen the time.',
      text: 'Let me sée.',
      calls: ['get_weather {"city":"Köln"}', 'get_time {}'],
      finish: 'tool-calls',
      tokens: { input: 1117, output: 46, cached: 1024, cacheWrite: 12, reasoning: 40 },
    },
  ],
  ['openai/responses-failed.sse', { code: 'upstream_rate_limited' }],
  ['openai/responses-cut.json', { text: 'Let me sée.', finish: 'length' }],
  ['openai/responses-refusal.json', { refusal: 'I can’t help with that.', finish: 'stop' }],
  ['azure/chat-filtered.sse', { text: 'To make', finish: 'refusal', tokens: { input: 12, output: 2 } }],
  [
    'openrouter/chat-reasoning.sse',
    {
      reasoning: 'Both are',
      text: 'Right.',
      finish: 'stop',
      cost: 952_500,
      tokens: { input: 194, output: 12, cached: 100, reasoning: 5 },
    },
  ],
  ['openrouter/error.sse', { text: 'Once', code: 'upstream_rate_limited' }],
  ['llama-server/infill.sse', { finish: 'length' }],
  ['vllm/chat-reasoning.sse', { reasoning: '9.11 is less.', text: '9.8', finish: 'stop', stop: '</done>' }],
  [
    'anthropic/tools.sse',
    {
      reasoning: 'The user wants both.',
      text: 'Let me sée.',
      calls: ['get_weather {"city": "Köln"}', 'get_time {}'],
      finish: 'tool-calls',
      tokens: { input: 1012, output: 89, cached: 900, cacheWrite: 100, reasoning: 20 },
    },
  ],
  ['anthropic/error.sse', { text: 'Once', code: 'upstream_overloaded', tokens: { input: 1012 } }],
  [
    'anthropic/whole.json',
    {
      reasoning: 'Short.',
      text: 'One, two',
      calls: ['go {"to":"Köln"}'],
      finish: 'stop',
      stop: ', three',
      tokens: { input: 1012, output: 30, cached: 900, cacheWrite: 100 },
    },
  ],
  [
    'gemini/tools.sse',
    {
      reasoning: '**Weather** first.',
      text: 'Let me sée.',
      calls: ['get_weather {"city":"Köln"}', 'get_time {}'],
      finish: 'tool-calls',
      tokens: { input: 1117, output: 60, cached: 1024, reasoning: 40 },
    },
  ],
  ['gemini/text.sse', { text: 'Grüß Gott 🌟', finish: 'length', tokens: { input: 3, output: 5 } }],
  ['gemini/filtered.sse', { text: 'To make', finish: 'refusal' }],
  ['gemini/malformed.sse', { finish: 'other', tokens: { input: 12 } }],
  ['gemini/error.sse', { text: 'Once', code: 'upstream_rate_limited' }],
  ['gemini/blocked.json', { code: 'content_refused', tokens: { input: 7 } }],
  ['gemini/choices.json', { text: 'RedBlue', finish: 'stop', tokens: { input: 9, output: 2 } }],
  ['gemini/embed.json', { tokens: { input: 6 } }],
  ['gemini/count.json', { tokens: { input: 31 } }],
])('%s says what it says', async (file, expected) => {
  expect(await gist(file)).toMatchObject(expected)
})

test('a thought keeps the signature that must travel back', async () => {
  const events = eventsOf(read('anthropic/tools.sse', [await bytesOf('anthropic/tools.sse')]))
  expect(events).toContainEqual({ type: 'reasoning', text: '', signature: 'EqQBCg==' })
})

test('the first count of output tokens, made before there are any, is not told', async () => {
  const { tokens } = await gist('anthropic/error.sse')
  expect(tokens).toEqual({ input: 1012, cached: 900, cacheWrite: 100 })
})

test('an engine’s own times are told, in milliseconds', async () => {
  const llama = eventsOf(read('llama-server/chat.sse', [await bytesOf('llama-server/chat.sse')]))
  expect(llama.find((event) => event.type === 'timing')).toEqual({
    type: 'timing',
    prefillMs: expect.any(Number),
    decodeMs: expect.any(Number),
  })
  const vllm = eventsOf(read('vllm/chat-reasoning.sse', [await bytesOf('vllm/chat-reasoning.sse')]))
  expect(vllm).toContainEqual({ type: 'timing', prefillMs: 12.5, decodeMs: 80.25, queueMs: 3 })
  const local = eventsOf(read('localai/chat-timed.sse', [await bytesOf('localai/chat-timed.sse')]))
  expect(local).toContainEqual({ type: 'timing', prefillMs: 41.5, decodeMs: 17.25 })
  const infill = eventsOf(read('llama-server/infill.sse', [await bytesOf('llama-server/infill.sse')]))
  expect(infill.find((event) => event.type === 'timing')).toBeDefined()
})

test('thoughts keep what must travel back, whoever sealed them', async () => {
  const routed = eventsOf(
    read('openrouter/chat-reasoning.sse', [await bytesOf('openrouter/chat-reasoning.sse')]),
  )
  expect(routed).toContainEqual({ type: 'reasoning', text: '', signature: 'EqQBCg==' })
  expect(routed.filter((event) => event.type === 'opaque').map(({ value }) => value)).toEqual([
    expect.objectContaining({ type: 'reasoning.encrypted', data: 'gAAAAA' }),
  ])
  const responses = eventsOf(
    read('openai/responses-tools.sse', [await bytesOf('openai/responses-tools.sse')]),
  )
  expect(responses).toContainEqual({ type: 'reasoning', text: '', signature: 'rs_01.gAAAAABo' })
})

test('fields that every chunk repeats are told once', async () => {
  const events = eventsOf(read('openai/chat.sse', [await bytesOf('openai/chat.sse')]))
  expect(events.filter((event) => event.type === 'rest')).toEqual([
    { type: 'rest', fields: { service_tier: 'default', system_fingerprint: 'fp_44709d6fcb' } },
  ])
})

test('log probabilities come with their tokens', async () => {
  const events = eventsOf(
    read('llama-server/chat-logprobs.sse', [await bytesOf('llama-server/chat-logprobs.sse')]),
  )
  const logprobs = events.filter((event) => event.type === 'logprobs')
  expect(logprobs.length).toBeGreaterThan(0)
  expect(logprobs[0]?.logprobs).toHaveProperty('content')
})

test('vectors come as numbers or as base64, as they were asked for', async () => {
  const vectors = async (file: string): Promise<(readonly number[] | string)[]> =>
    eventsOf(read(file, [await bytesOf(file)]))
      .filter((event) => event.type === 'embedding')
      .map((event) => event.vector)
  const [numbers] = await vectors('llama-server/embedding.json')
  const [text, second] = await vectors('llama-server/embedding-base64.json')
  expect(numbers).toHaveLength(576)
  expect(new Float32Array(Buffer.from(text as string, 'base64').buffer)).toHaveLength(576)
  expect(second).toBeString()
})

test.each(vendorStreams.map(({ file, source, text }) => [file, source, text] as const))(
  '%s is what the vendor’s own types allow, and says its source',
  async (file, source, text) => {
    expect(await Bun.file(new URL(file, folder)).text()).toBe(text)
    expect(await Bun.file(new URL(`${file}.source`, folder)).text()).toBe(`${source}\n`)
  },
)
