import type { Frame, FrameReader, ModelEvent } from '../../core/event.ts'
import { LazyFrame } from './lazy-frame.ts'
import { Pending, defaultMessageBytes } from './pending.ts'

/**
 * Reads newline-delimited JSON: a frame is a line with its end; the last line may lack one. `decode` gets the line as
 * text; blank lines have no events. Bytes that were pushed must not be changed afterwards.
 */
export class NdjsonReader implements FrameReader {
  readonly isStream = true
  readonly #read: (bytes: Uint8Array) => readonly ModelEvent[]
  readonly #pending: Pending

  constructor(decode: (line: string) => readonly ModelEvent[], limitBytes = defaultMessageBytes) {
    this.#pending = new Pending(limitBytes)
    this.#read = (bytes) => {
      const line = decoder.decode(bytes).trim()
      return line === '' ? [] : decode(line)
    }
  }

  push(bytes: Uint8Array): readonly Frame[] {
    const frames: Frame[] = []
    let from = 0
    for (let end = bytes.indexOf(lf); end !== -1; end = bytes.indexOf(lf, from)) {
      frames.push(new LazyFrame(this.#pending.take(bytes.subarray(from, end + 1)), this.#read))
      from = end + 1
    }
    this.#pending.add(bytes.subarray(from))
    return frames
  }

  end(): readonly Frame[] {
    return this.#pending.isEmpty ? [] : [new LazyFrame(this.#pending.take(), this.#read)]
  }
}

const lf = 0x0a
const decoder = new TextDecoder()
