import { z } from 'zod'

import type { Opening } from '../../core/backend.ts'
import { paced } from '../../core/turns.ts'
import { geminiCall, type GeminiCall } from './gemini-call.ts'
import { geminiFailure } from './gemini-failure.ts'
import { baseUrl, defaultQueue, remoteSettings, sharedSettings } from './kind.ts'
import type { BackendKind, RowBackend } from './kind.ts'
import { readerOf } from './reading.ts'

const settings = z.strictObject({
  kind: z.literal('gemini'),
  url: baseUrl
    .default('https://generativelanguage.googleapis.com/v1beta')
    .describe('Up to and with /v1beta.'),
  ...sharedSettings,
  ...remoteSettings,
})

/** Google Gemini through its own API: its OpenAI face (`gemini-openai`) loses thoughts, their signatures, and the count. */
export const gemini: BackendKind<z.output<typeof settings>> = {
  kind: 'gemini',
  about: 'Google Gemini, its own API.',
  settings,
  placeOf: (row) => row.place ?? 'cloud',
  create(name, row, deps): RowBackend {
    const opening: Opening = {
      url: row.url,
      headers: { ...(row.apiKey !== undefined && { 'x-goog-api-key': row.apiKey }), ...row.headers },
      close: () => undefined,
    }
    return {
      name,
      kind: row.kind,
      place: deps.place,
      send: deps.send,
      concurrency: row.concurrency ?? 256,
      queue: row.queue ?? defaultQueue,
      operations: ['chat', 'embed', 'count'],
      open: () => opening,
      outgoing: (request, target) =>
        paced(request.body.bytes.length, geminiCall(request, target, row.ask === 'stream')),
      reader: (asked: GeminiCall, reply) => readerOf(asked.reading(), asked, reply),
      failure: (_asked, status, retryAfter, body) =>
        geminiFailure(status, retryAfter, body, (deps.clock ?? Date).now()),
      probe: { path: '/models' },
    }
  },
}
