import type { Outgoing } from '../../core/backend.ts'
import type { FrameReader, ModelEvent } from '../../core/event.ts'
import { Failure } from '../../core/failure.ts'
import type { UpstreamReply } from '../../core/send.ts'
import { SseReader } from '../stream/sse.ts'
import { wholeReader } from '../stream/whole.ts'

/** Reads one answer of a dialect, message by message or whole; its frames are decoded in their order. */
export interface Reading {
  readonly message: (message: { readonly data: string }) => readonly ModelEvent[]
  readonly whole: (body: Uint8Array) => readonly ModelEvent[]
}

/** By what came, not by what was asked: some answer whole to a streamed request. */
export function readerOf(reading: Reading, asked: Outgoing, reply: UpstreamReply): FrameReader {
  const type = reply.header('content-type')?.toLowerCase()
  const isStream = type === undefined ? asked.stream : type.includes('event-stream')
  return isStream ? new SseReader(reading.message) : wholeReader(reading.whole)
}

/** What is no JSON at all is refused by the frame, which calls this. */
export function parseObject(text: string): object {
  const value: unknown = JSON.parse(text)
  if (typeof value !== 'object' || value === null) throw invalid('is not a JSON object')
  return value
}

/** Reads what never streams. `events` gets the object or list that the body is, and its text; `end` follows what it gives. */
export const wholeOnly = (events: (answer: object, text: string) => readonly ModelEvent[]): Reading => ({
  message: () => {
    throw invalid('is a stream')
  },
  whole: (body) => {
    const text = decoder.decode(body)
    return [...events(parseObject(text), text), { type: 'end' }]
  },
})

const decoder = new TextDecoder()

export const invalid = (what: string): Failure =>
  new Failure('upstream_invalid', `The backend’s answer ${what}.`)
