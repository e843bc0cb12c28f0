import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'

import type { Frame, FrameReader, ModelEvent } from '../../core/event.ts'
import { Failure } from '../../core/failure.ts'
import { sseMessage, ssePing } from './sse-writer.ts'
import { SseReader, type SseMessage } from './sse.ts'

const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 1000)
const encoder = new TextEncoder()

/** Messages travel through events as the text that they are, so that both can be compared. */
const asEvent = (message: SseMessage): ModelEvent[] => [{ type: 'text', text: JSON.stringify(message) }]

function readAll(reader: FrameReader, pieces: readonly Uint8Array[]): Frame[] {
  return pieces.flatMap((piece) => reader.push(piece)).concat(reader.end())
}

function cut(bytes: Uint8Array, at: readonly number[]): Uint8Array[] {
  const ends = [...at.map((n) => n % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b)
  return ends.map((end, i) => bytes.slice(ends[i - 1] ?? 0, end))
}

const messagesOf = (frames: readonly Frame[]): SseMessage[] =>
  frames.flatMap((frame) =>
    frame.events().flatMap((event) => (event.type === 'text' ? [JSON.parse(event.text) as SseMessage] : [])),
  )

const bytesOf = (frames: readonly Frame[]): Buffer => Buffer.concat(frames.map((frame) => frame.bytes))

/** The algorithm of WHATWG HTML §9.2.6, step by step. */
function reference(bytes: Uint8Array): SseMessage[] {
  const messages: SseMessage[] = []
  const lines = new TextDecoder().decode(bytes).split(/\r\n|\r|\n/)
  lines.pop()
  let data = ''
  let event = ''
  for (const line of lines) {
    if (line === '') {
      if (data !== '')
        messages.push({ ...(event !== '' && { event }), data: data.slice(0, -1) } as SseMessage)
      data = ''
      event = ''
      continue
    }
    const match = /^([^:]*)(?:: ?(.*))?$/su.exec(line)
    if (match?.[1] === 'data') data += `${match[2] ?? ''}\n`
    if (match?.[1] === 'event') event = match[2] ?? ''
  }
  return messages
}

const lineEnd = fc.constantFrom('\n', '\r', '\r\n')
const value = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom('[DONE]', '{"a":"é😀"}', ' two spaces', '', ':', '\uFEFFmark'),
)
const line = fc.oneof(
  { weight: 4, arbitrary: value.map((text) => `data: ${text}`) },
  value.map((text) => `data:${text}`),
  value.map((text) => `event: ${text}`),
  value.map((text) => `: ${text}`),
  value.map((text) => `id: ${text}`),
  fc.constantFrom('data', 'event', ':', 'retry: 10', ' data: x', 'data : x', 'dat', 'Data: x'),
  { weight: 4, arbitrary: fc.constant('') },
  value,
)
const body = fc
  .tuple(fc.constantFrom('', '\uFEFF'), fc.array(fc.tuple(line, lineEnd)), fc.oneof(fc.constant(''), line))
  .map(([mark, lines, tail]) => mark + lines.map((each) => each.join('')).join('') + tail)
  .map((text) => encoder.encode(text))
const noise = fc.uint8Array({ maxLength: 60 })
const cuts = fc.array(fc.nat(), { maxLength: 12 })

describe('an event stream', () => {
  test('keeps every byte and says what the standard says, however it is cut', () => {
    fc.assert(
      fc.property(fc.oneof(body, noise), cuts, (bytes, at) => {
        const frames = readAll(new SseReader(asEvent), cut(bytes, at))
        expect(bytesOf(frames).equals(bytes)).toBe(true)
        expect(messagesOf(frames)).toEqual(reference(bytes))
      }),
      { numRuns },
    )
  })

  test('is the same at every split of two pieces, and byte by byte', () => {
    const text =
      '\uFEFF: hello\r\n\r\n\n\ndata: {"text":"naïve 😀"}\n\nevent: delta\rdata:one\rdata:  two\r\r' +
      'data\r\n\r\nid: 7\nretry: 5\ndata: [DONE]\n\n: bye\n\ndata:tight\n\ndata: never dispatched\n'
    const bytes = encoder.encode(text)
    const expected = [
      { data: '{"text":"naïve 😀"}' },
      { event: 'delta', data: 'one\n two' },
      { data: '' },
      { data: '[DONE]' },
      { data: 'tight' },
    ]
    const splits = Array.from({ length: bytes.length + 1 }, (_, at) => [bytes.slice(0, at), bytes.slice(at)])
    for (const pieces of [...splits, Array.from(bytes, (byte) => Uint8Array.of(byte))]) {
      const frames = readAll(new SseReader(asEvent), pieces)
      expect(bytesOf(frames).equals(bytes)).toBe(true)
      expect(messagesOf(frames) as unknown).toEqual(expected)
    }
  })

  test('gives a message as soon as its blank line is there, also when that line ends with a lone CR', () => {
    const reader = new SseReader(asEvent)
    expect(messagesOf(reader.push(encoder.encode('data: a\r\n\r')))).toHaveLength(1)
    expect(reader.push(encoder.encode('\n'))).toHaveLength(0)
    expect(messagesOf(reader.push(encoder.encode('data: b\n\n')))).toHaveLength(1)
  })

  test('has comments as frames without events', () => {
    const frames = readAll(new SseReader(asEvent), [encoder.encode(`${ssePing}data: a\n\n`)])
    expect(frames.map((frame) => frame.events().length)).toEqual([0, 1])
  })

  test('does not take a message that was cut off for one', () => {
    for (const text of ['data: {"half', 'data: {"whole":1}\n']) {
      const frames = readAll(new SseReader(asEvent), [encoder.encode(text)])
      expect(bytesOf(frames).toString()).toBe(text)
      expect(messagesOf(frames)).toEqual([])
    }
  })

  test('decodes a message once, and not before it is asked', () => {
    let calls = 0
    const [frame] = new SseReader(() => {
      calls++
      return [{ type: 'end' }]
    }).push(encoder.encode('data: a\n\n'))
    expect(calls).toBe(0)
    expect(frame?.events()).toBe(frame?.events() ?? [])
    expect(calls).toBe(1)
  })

  test('refuses a message beyond the limit, in one piece or in many, and takes one at the limit', () => {
    const limit = 64
    const fits = encoder.encode(`data: ${'x'.repeat(limit - 8)}\n\n`)
    const tooLong = encoder.encode(`data: ${'x'.repeat(limit - 7)}\n\n`)
    for (const at of [[], [10, 40]]) {
      expect(readAll(new SseReader(asEvent, limit), cut(fits, at)).at(0)?.events()).toHaveLength(1)
      expect(() => readAll(new SseReader(asEvent, limit), cut(tooLong, at))).toThrow(
        expect.objectContaining({ code: 'upstream_invalid' }),
      )
    }
  })

  test('turns what a decoder trips over into a failure that does not quote it', () => {
    const reader = new SseReader(({ data }) => JSON.parse(data) as ModelEvent[])
    const [frame] = reader.push(encoder.encode('data: secret\n\n'))
    const thrown = (() => {
      try {
        return frame?.events()
      } catch (error) {
        return error
      }
    })()
    expect(thrown).toBeInstanceOf(Failure)
    expect((thrown as Failure).code).toBe('upstream_invalid')
    expect(Bun.inspect(thrown)).not.toContain('secret')
  })
})

describe('a written message', () => {
  test('is read back as it was', () => {
    const name = fc.option(fc.stringMatching(/^[a-z._]{1,9}$/), { nil: undefined })
    fc.assert(
      fc.property(fc.array(fc.tuple(value, name)), cuts, (written, at) => {
        const text = written.map(([data, event]) => sseMessage(data, event)).join('')
        const frames = readAll(new SseReader(asEvent), cut(encoder.encode(text), at))
        const expected = written.map(([data, event]) => ({
          ...(event !== undefined && { event }),
          data: data.replaceAll(/\r\n?/g, '\n'),
        }))
        expect(messagesOf(frames) as unknown).toEqual(expected)
      }),
      { numRuns },
    )
  })
})
