import type { FrameReader, ModelEvent } from '../../core/event.ts'
import { LazyFrame } from './lazy-frame.ts'

/** Reads a body that is one answer: one frame, at the end. How much is read is limited by whoever pushes. */
export function wholeReader(decode: (body: Uint8Array) => readonly ModelEvent[]): FrameReader {
  const pieces: Uint8Array[] = []
  return {
    isStream: false,
    push(bytes) {
      pieces.push(bytes)
      return []
    },
    end() {
      const [only] = pieces
      return [new LazyFrame(pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces), decode)]
    },
  }
}
