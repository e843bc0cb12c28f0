import type { Failure } from '../../core/failure.ts'
import type { JsonText } from '../../core/json.ts'
import type { Work } from '../../core/turns.ts'
import { unsupported } from './quirks.ts'

const marks = [Buffer.from('_url'), Buffer.from(String.raw`\u`)]

/**
 * Engines fetch images, audio and video from the addresses that a request names: from where they stand, past the one door,
 * for whoever holds a key. Only what comes along in the request is let through. Throws `Failure('unsupported')`.
 */
export function* refuseAddresses(body: JsonText, list: 'messages' | 'input'): Work<void> {
  const bytes = Buffer.from(body.bytes.buffer, body.bytes.byteOffset, body.bytes.byteLength)
  if (!marks.some((mark) => bytes.includes(mark))) return
  yield* body.decoding([list])
  // Wherever one stands: in a message's content, in what a tool gave back, in what engines add to these.
  const left: unknown[] = [body.get(list)]
  while (left.length > 0) {
    const value = left.pop()
    if (typeof value !== 'object' || value === null) continue
    if (hasAddress(value)) throw refusal(list)
    for (const inner of Object.values(value) as unknown[]) left.push(inner)
    yield
  }
}

/** `{image_url: {url}}`, `{image_url: "…"}`, and the same for audio and video. */
function hasAddress(part: object): boolean {
  for (const [key, value] of Object.entries(part)) {
    if (!key.endsWith('_url')) continue
    const url: unknown =
      typeof value === 'object' && value !== null ? (value as { url?: unknown }).url : value
    if (typeof url === 'string' && !/^data:/i.test(url.trimStart())) return true
  }
  return false
}

const refusal = (list: string): Failure =>
  unsupported(
    list,
    'This backend would fetch the address of an image itself, past every rule of this server: send it as a data: URL, or have `mediaUrls: fetch` put into the row of the backend.',
  )
