import { JsonText } from '../../core/json.ts'
import { EventMessages } from './event-messages.ts'

/** The types of a stream's last event, which carries the whole response. */
export const lastEvents: readonly unknown[] = ['response.completed', 'response.incomplete', 'response.failed']

const marks = lastEvents.map((type) => `"${String(type)}"`)

/** The response that an answer carries, if it does; rejects where it cannot be read. */
export type Reading = JsonText | Promise<JsonText | undefined>

/**
 * The same stream, byte for byte. The response of its last event is told to `ended` before that event goes out, so that a
 * client that has seen it finds the response kept. Chunks are whole events, as the gateway hands them out.
 */
export function watchLast(
  body: ReadableStream<Uint8Array>,
  ended: (reading: Reading) => Promise<void>,
): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  return new ReadableStream(
    {
      pull: async (controller) => {
        const { done, value } = await reader.read()
        if (done) return controller.close()
        if (mayBeLast(value)) await ended(responseIn(value))
        controller.enqueue(value)
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}

/** In a text of the answer the quotes would be escaped: nearly every chunk is known by that alone. */
function mayBeLast(chunk: Uint8Array): boolean {
  const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  return marks.some((mark) => bytes.includes(mark))
}

async function responseIn(chunk: Uint8Array): Promise<JsonText | undefined> {
  for (const data of new EventMessages().push(chunk)) {
    const event = await JsonText.read(new TextEncoder().encode(data))
    const span = event.span('response')
    if (span !== undefined && lastEvents.includes(event.get('type'))) {
      return JsonText.read(event.bytes.subarray(span.start, span.end))
    }
  }
  return undefined
}
