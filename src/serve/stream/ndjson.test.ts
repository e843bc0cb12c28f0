import { expect, test } from 'bun:test'
import * as fc from 'fast-check'

import type { FrameReader } from '../../core/event.ts'
import { NdjsonReader } from './ndjson.ts'
import { wholeReader } from './whole.ts'

const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 1000)
const encoder = new TextEncoder()

function pushAt(reader: FrameReader, bytes: Uint8Array, cuts: readonly number[]) {
  const ends = [...cuts.map((n) => n % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b)
  return ends.flatMap((end, i) => reader.push(bytes.slice(ends[i - 1] ?? 0, end))).concat(reader.end())
}

const lines = fc.array(fc.oneof(fc.json(), fc.constantFrom('', '  ', '{"text":"naïve 😀"}')))
const cuts = fc.array(fc.nat(), { maxLength: 12 })

test('newline-delimited JSON keeps every byte and every value, however it is cut', () => {
  fc.assert(
    fc.property(lines, fc.constantFrom('\n', '\r\n'), fc.boolean(), cuts, (written, end, closed, at) => {
      const bytes = encoder.encode(written.join(end) + (closed ? end : ''))
      const reader = new NdjsonReader((line) => [
        { type: 'rest', fields: { value: JSON.parse(line) as unknown } },
      ])
      const frames = pushAt(reader, bytes, at)
      expect(Buffer.concat(frames.map((frame) => frame.bytes)).equals(bytes)).toBe(true)
      const values = frames.flatMap((frame) =>
        frame.events().map((event) => event.type === 'rest' && event.fields['value']),
      )
      expect(values).toEqual(
        written.filter((line) => line.trim() !== '').map((line) => JSON.parse(line) as unknown),
      )
    }),
    { numRuns },
  )
})

test('a line beyond the limit is refused while it still comes', () => {
  const reader = new NdjsonReader(() => [], 10)
  reader.push(encoder.encode('[1,2,3]\n[1,2'))
  expect(() => reader.push(encoder.encode(',3,4,5,6'))).toThrow(
    expect.objectContaining({ code: 'upstream_invalid' }),
  )
})

test('a whole body is one frame, however it is cut', () => {
  fc.assert(
    fc.property(fc.uint8Array(), cuts, (bytes, at) => {
      const seen: number[] = []
      const frames = pushAt(
        wholeReader((body) => {
          seen.push(...body)
          return [{ type: 'end' }]
        }),
        bytes,
        at,
      )
      expect(frames.map((frame) => frame.events())).toEqual([[{ type: 'end' }]])
      expect(seen).toEqual([...bytes])
    }),
    { numRuns },
  )
})
