import type { Frame, ModelEvent } from '../../core/event.ts'
import { Failure } from '../../core/failure.ts'

/** A frame that decodes its events on the first call and remembers them. */
export class LazyFrame implements Frame {
  readonly bytes: Uint8Array
  readonly #decode: (bytes: Uint8Array) => readonly ModelEvent[]
  #events: readonly ModelEvent[] | undefined

  constructor(bytes: Uint8Array, decode: (bytes: Uint8Array) => readonly ModelEvent[]) {
    this.bytes = bytes
    this.#decode = decode
  }

  /** Throws `Failure('upstream_invalid')` when the bytes are not what the decoder knows. */
  events(): readonly ModelEvent[] {
    this.#events ??= this.#decoded()
    return this.#events
  }

  #decoded(): readonly ModelEvent[] {
    try {
      return this.#decode(this.bytes)
    } catch (thrown) {
      if (thrown instanceof Failure) throw thrown
      // Without the cause: a parser's error quotes the text that it failed on, and that is an answer's.
      throw new Failure('upstream_invalid', 'The backend sent a message that is not its dialect.')
    }
  }
}
