import { SseReader, type SseMessage } from '../../serve/stream/sse.ts'

/** The messages of an event stream, whose bytes may come cut anywhere. */
export class EventMessages {
  #messages: SseMessage[] = []
  /** Our own stream: what is too long was refused before. */
  readonly #reader = new SseReader((message) => {
    this.#messages.push(message)
    return []
  }, Number.POSITIVE_INFINITY)

  /** The data of the messages that end in these bytes. */
  push(bytes: Uint8Array): readonly string[] {
    for (const frame of this.#reader.push(bytes)) frame.events()
    const messages = this.#messages
    this.#messages = []
    return messages.map(({ data }) => data).filter((data) => data !== '[DONE]')
  }
}
