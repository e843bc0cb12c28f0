import type { FrameReader } from '../../core/event.ts'
import type { UpstreamReply } from '../../core/send.ts'
import { NdjsonReader } from '../stream/ndjson.ts'
import { wholeReader } from '../stream/whole.ts'
import { readingCall } from './forced-call.ts'
import type { OllamaCall } from './ollama-call.ts'
import { OllamaReading, type OllamaAsked } from './ollama-read.ts'

/** By what came, not by what was asked: lines, or one body. */
export function ollamaReader(
  asked: OllamaCall,
  reply: UpstreamReply,
  cameFrom: OllamaAsked['cameFrom'],
): FrameReader {
  const { completes, formatted, forced } = asked
  const reading = new OllamaReading({ completes, formatted, cameFrom })
  const { message, whole } = forced === undefined ? reading : readingCall(reading, forced)
  const type = reply.header('content-type')?.toLowerCase() ?? ''
  const isStream = type.includes('ndjson') || (asked.stream && !type.includes('/json'))
  return isStream ? new NdjsonReader((data) => message({ data })) : wholeReader(whole)
}
