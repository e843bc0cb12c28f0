import type { Frame, FrameReader, ModelEvent } from '../../core/event.ts'
import { LazyFrame } from './lazy-frame.ts'
import { Pending, defaultMessageBytes } from './pending.ts'

/** One dispatched message of an event stream. */
export interface SseMessage {
  readonly event: string | undefined
  readonly data: string
}

/**
 * Reads `text/event-stream` as WHATWG HTML defines it (§9.2.6). A frame ends with the blank line that dispatches its
 * message; comments and further blank lines are frames or parts of frames without events. What has no blank line at the
 * end of the body is not a message (the stream was cut): its bytes come as a last frame without events.
 * Bytes that were pushed must not be changed afterwards.
 */
export class SseReader implements FrameReader {
  readonly isStream = true
  readonly #read: (bytes: Uint8Array) => readonly ModelEvent[]
  readonly #pending: Pending
  /** Nothing has come yet of the line that the next byte belongs to. */
  #lineIsEmpty = true
  /** The last byte was a CR: a LF that follows belongs to the same line end. */
  #afterCr = false
  #isFirst = true

  constructor(decode: (message: SseMessage) => readonly ModelEvent[], limitBytes = defaultMessageBytes) {
    this.#pending = new Pending(limitBytes)
    this.#read = (bytes) => {
      const message = parseMessage(bytes)
      return message === undefined ? noEvents : decode(message)
    }
  }

  push(bytes: Uint8Array): readonly Frame[] {
    const frames: Frame[] = []
    if (bytes.length === 0) return frames
    const hasCr = bytes.includes(cr)
    let messageFrom = 0
    let lineFrom = this.#afterCr && bytes[0] === lf ? 1 : 0
    this.#afterCr = false
    for (;;) {
      const lineEnd = hasCr ? endOfLine(bytes, lineFrom) : bytes.indexOf(lf, lineFrom)
      if (lineEnd === -1) break
      const isBlank = this.#lineIsEmpty && lineEnd === lineFrom
      lineFrom = lineEnd + 1
      if (hasCr && bytes[lineEnd] === cr) {
        if (lineFrom === bytes.length) this.#afterCr = true
        else if (bytes[lineFrom] === lf) lineFrom++
      }
      this.#lineIsEmpty = true
      if (!isBlank) continue
      const isAll = messageFrom === 0 && lineFrom === bytes.length
      frames.push(this.#frame(isAll ? bytes : bytes.subarray(messageFrom, lineFrom)))
      messageFrom = lineFrom
    }
    if (lineFrom < bytes.length) this.#lineIsEmpty = false
    if (messageFrom < bytes.length) this.#pending.add(bytes.subarray(messageFrom))
    return frames
  }

  end(): readonly Frame[] {
    return this.#pending.isEmpty ? [] : [new LazyFrame(this.#pending.take(), () => noEvents)]
  }

  #frame(last: Uint8Array): Frame {
    const bytes = this.#pending.take(last)
    if (!this.#isFirst) return new LazyFrame(bytes, this.#read)
    this.#isFirst = false
    return new LazyFrame(bytes, (first) => this.#read(startsWithBom(first) ? first.subarray(3) : first))
  }
}

const lf = 0x0a
const cr = 0x0d
const noEvents: readonly ModelEvent[] = []
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

function endOfLine(bytes: Uint8Array, from: number): number {
  for (let at = from; at < bytes.length; at++) if (bytes[at] === lf || bytes[at] === cr) return at
  return -1
}

/** The message that a blank line dispatches; undefined when no `data` came before it. */
function parseMessage(bytes: Uint8Array): SseMessage | undefined {
  // Nearly every message of a model is one line of data: no lines are split then.
  if (startsWithData(bytes) && bytes.indexOf(lf) === bytes.length - 2 && !bytes.includes(cr)) {
    return { event: undefined, data: decoder.decode(bytes.subarray(bytes[5] === 0x20 ? 6 : 5, -2)) }
  }
  let event: string | undefined
  let data: string | undefined
  for (const line of decoder.decode(bytes).split(/\r\n|\r|\n/)) {
    const colon = line.indexOf(':')
    const field = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
    if (field === 'data') data = data === undefined ? value : `${data}\n${value}`
    else if (field === 'event') event = value
  }
  return data === undefined ? undefined : { event: event === '' ? undefined : event, data }
}

const startsWithData = (bytes: Uint8Array): boolean =>
  bytes[0] === 0x64 && bytes[1] === 0x61 && bytes[2] === 0x74 && bytes[3] === 0x61 && bytes[4] === 0x3a

const startsWithBom = (bytes: Uint8Array): boolean =>
  bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf
