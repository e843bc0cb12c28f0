import { describe, expect, test } from 'bun:test'
import { readdirSync } from 'node:fs'

import fc from 'fast-check'

import type { Frame, FrameReader, ModelEvent } from '../../core/event.ts'
import { Failure } from '../../core/failure.ts'
import { NdjsonReader } from '../stream/ndjson.ts'
import { wholeReader } from '../stream/whole.ts'
import { ollamaFacts } from './ollama-facts.ts'
import { OllamaReading, type OllamaAsked } from './ollama-read.ts'

const runs = Number(process.env['PROPERTY_RUNS'] ?? 1000)
const folder = new URL('../../../fixtures/streams/ollama/', import.meta.url)
const files = readdirSync(folder).filter((name) => /(?<!\.request|^show)\.(?:ndjson|json)$/.test(name))
const bytesOf = (file: string): Promise<Uint8Array> => Bun.file(new URL(file, folder)).bytes()

const asked: OllamaAsked = { completes: false, formatted: false, cameFrom: () => undefined }

function readerFor(file: string, more: Partial<OllamaAsked> = {}): FrameReader {
  const { message, whole } = new OllamaReading({ ...asked, completes: file.startsWith('generate-'), ...more })
  return file.endsWith('.ndjson') ? new NdjsonReader((data) => message({ data })) : wholeReader(whole)
}

function read(reader: FrameReader, pieces: readonly Uint8Array[]): readonly Frame[] {
  return [...pieces.flatMap((piece) => reader.push(piece)), ...reader.end()]
}

const eventsOf = (frames: readonly Frame[]): ModelEvent[] => frames.flatMap((frame) => frame.events())
const eventsIn = async (file: string, more: Partial<OllamaAsked> = {}): Promise<ModelEvent[]> =>
  eventsOf(read(readerFor(file, more), [await bytesOf(file)]))

describe.each(files)('%s', (file) => {
  test('means the same at every split, and its frames are its bytes', async () => {
    const bytes = await bytesOf(file)
    const expected = JSON.stringify(await eventsIn(file))
    // A whole body is one frame however it comes: a few splits say as much as all.
    const step = file.endsWith('.ndjson') ? 1 : Math.ceil(bytes.length / 50)
    for (let at = 0; at <= bytes.length; at += step) {
      const frames = read(readerFor(file), [bytes.subarray(0, at), bytes.subarray(at)])
      if (JSON.stringify(eventsOf(frames)) !== expected) throw new Error(`other events when split at ${at}`)
      if (Buffer.compare(Buffer.concat(frames.map((frame) => frame.bytes)), bytes) !== 0)
        throw new Error(`other bytes when split at ${at}`)
    }
  })

  test('ends once and last, but for a stream that broke', async () => {
    const events = await eventsIn(file)
    expect(events.filter(({ type }) => type === 'end')).toHaveLength(file === 'error.ndjson' ? 0 : 1)
    if (file !== 'error.ndjson') expect(events.at(-1)).toEqual({ type: 'end' })
  })
})

/** What a reader of the answer would say about it. */
async function gist(file: string): Promise<Record<string, unknown>> {
  const events = await eventsIn(file)
  const joined = (type: 'text' | 'reasoning'): string =>
    events.map((event) => (event.type === type ? event.text : '')).join('')
  const calls: string[] = []
  for (const event of events) {
    if (event.type === 'tool-call') calls[event.index] = `${event.name} `
    if (event.type === 'tool-input') calls[event.index] += event.json
  }
  const usage = events.find((event) => event.type === 'usage')?.usage
  return {
    text: joined('text'),
    reasoning: joined('reasoning'),
    calls,
    finish: events.find((event) => event.type === 'finish')?.reason,
    tokens: [usage?.input?.tokens, usage?.output?.tokens],
    code: events.find((event) => event.type === 'failure')?.code,
  }
}

test.each([
  ['chat.ndjson', { text: '"Grüße, 日本 🌟!"', finish: 'stop' }],
  ['chat-length.ndjson', { finish: 'length', tokens: [12, 3] }],
  ['chat-tools.ndjson', { calls: ['get_weather {"city":"Paris"}'], finish: 'tool-calls', text: '' }],
  ['chat-tools-whole.json', { calls: ['get_weather {"city":"Paris"}'], finish: 'tool-calls', text: '' }],
  ['chat-thinking.ndjson', { text: '', finish: 'length' }],
  ['generate-raw.ndjson', { text: ' four...\n*', finish: 'length', tokens: [6, 4] }],
  ['error-context.json', { code: 'context_exceeded' }],
  [
    'thinking-tools.ndjson',
    {
      reasoning: 'The user wants both.',
      text: 'Let me sée.',
      calls: ['get_weather {"city":"Köln"}', 'get_time {}'],
      finish: 'tool-calls',
      tokens: [21, 34],
    },
  ],
  ['error.ndjson', { text: 'Once', code: 'upstream_failed', finish: undefined }],
])('%s says what it says', async (file, expected) => {
  expect(await gist(file)).toMatchObject(expected)
})

test('a thought of the real engine is no text', async () => {
  const { reasoning } = await gist('chat-thinking.ndjson')
  expect(reasoning).not.toBe('')
})

test('durations are told in milliseconds, and what is left of the whole was spent waiting', async () => {
  const timing = { loadMs: 100, prefillMs: 300, decodeMs: 400, queueMs: 200 }
  expect(await eventsIn('thinking-tools.ndjson')).toContainEqual({ type: 'timing', ...timing })
})

test('a thought before a format tells neither times nor tokens: only its second half was counted', async () => {
  const events = await eventsIn('thinking-tools.ndjson', { formatted: true })
  expect(events.filter(({ type }) => type === 'timing' || type === 'usage')).toEqual([])
  const plain = await eventsIn('chat.ndjson', { formatted: true })
  expect(plain.some(({ type }) => type === 'timing')).toBe(true)
})

test('calls without ids get some that differ, and are the same however they are read', async () => {
  const ids = (await eventsIn('thinking-tools.ndjson')).flatMap((event) =>
    event.type === 'tool-call' ? [event.id] : [],
  )
  expect(new Set(ids).size).toBe(2)
})

test('log probabilities come in the shape of what was asked: a chat or a text', async () => {
  const first = async (file: string): Promise<unknown> =>
    (await eventsIn(file)).find((event) => event.type === 'logprobs')?.logprobs
  expect(await first('chat-logprobs.ndjson')).toMatchObject({
    content: [{ token: expect.any(String), logprob: expect.any(Number), top_logprobs: [{}, {}] }],
  })
  expect(await first('generate-raw.ndjson')).toMatchObject({
    tokens: [expect.any(String)],
    token_logprobs: [expect.any(Number)],
    text_offset: [0],
  })
})

test('vectors come in the order of their texts', async () => {
  const vectors = (await eventsIn('embed.json')).filter((event) => event.type === 'embedding')
  expect(vectors.map(({ index, vector }) => [index, vector.length])).toEqual([
    [0, 8],
    [1, 8],
  ])
  expect(
    (await eventsIn('embeddings.json')).find((event) => event.type === 'embedding')?.vector,
  ).toHaveLength(576)
})

test('an answer of another host is looked at before it is read', async () => {
  const refused = new Failure('cloud_model', 'no')
  const cameFrom = (host: string): never => {
    expect(host).toBe('https://ollama.com:443')
    throw refused
  }
  expect(await eventsIn('cloud.ndjson', { cameFrom }).catch((thrown: unknown) => thrown)).toBe(refused)
})

test('what the real Ollama shows of its model is read', async () => {
  expect(ollamaFacts(await Bun.file(new URL('show.json', folder)).json())).toMatchObject({
    capabilities: ['chat', 'complete', 'tools'],
    trainedContext: 8192,
    architecture: 'llama',
    parameters: 134_515_008,
    quantization: 'Q4_1',
    dimensions: 576,
    template: expect.stringContaining('<tool_call>'),
  })
})

const said = fc.array(
  fc.oneof(
    fc.record({ content: fc.string({ unit: 'grapheme' }) }),
    fc.record({ content: fc.constant(''), thinking: fc.string({ unit: 'grapheme' }) }),
  ),
)

test('any answer is read as it was said, wherever its bytes are split', () => {
  fc.assert(
    fc.property(said, fc.array(fc.nat(400)), (messages, cuts) => {
      const lines = [...messages, { content: '' }].map((message, at) =>
        JSON.stringify({ model: 'm', message, done: at === messages.length }),
      )
      const bytes = new TextEncoder().encode(lines.join('\n'))
      const edges = [0, ...cuts.toSorted((a, b) => a - b), bytes.length]
      const pieces = edges.slice(1).map((end, at) => bytes.subarray(edges[at], end))
      const events = eventsOf(read(readerFor('chat.ndjson'), pieces))
      const joined = (type: 'text' | 'reasoning'): string =>
        events.map((event) => (event.type === type ? event.text : '')).join('')
      expect(joined('text')).toBe(messages.map(({ content }) => content).join(''))
      expect(joined('reasoning')).toBe(
        messages.map((one) => ('thinking' in one ? one.thinking : '')).join(''),
      )
      expect(events.at(-1)).toEqual({ type: 'end' })
    }),
    { numRuns: runs },
  )
})

const odd = fc.oneof(
  fc.json(),
  fc.string(),
  fc
    .record(
      {
        message: fc.record(
          { content: fc.jsonValue(), thinking: fc.jsonValue(), tool_calls: fc.array(fc.jsonValue()) },
          { requiredKeys: [] },
        ),
        response: fc.jsonValue(),
        embeddings: fc.jsonValue(),
        tool_calls: fc.jsonValue(),
        logprobs: fc.jsonValue(),
        created_at: fc.jsonValue(),
        error: fc.jsonValue(),
        done: fc.jsonValue(),
        eval_count: fc.jsonValue(),
      },
      { requiredKeys: [] },
    )
    .map((value) => JSON.stringify(value)),
)

test('whatever an upstream sends is read, or is upstream_invalid', () => {
  fc.assert(
    fc.property(odd, (text) => {
      try {
        for (const event of eventsOf(read(readerFor('chat.ndjson'), [new TextEncoder().encode(text)]))) {
          if ('text' in event) expect(event.text).toBeString()
          if (event.type === 'tool-call')
            expect([typeof event.id, typeof event.name]).toEqual(['string', 'string'])
          if (event.type === 'embedding') expect(event.vector).toBeArray()
        }
      } catch (thrown) {
        expect((thrown as Failure).code).toBe('upstream_invalid')
      }
    }),
    { numRuns: runs },
  )
})
