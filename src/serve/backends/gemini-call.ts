import type { Outgoing, Target } from '../../core/backend.ts'
import { JsonText } from '../../core/json.ts'
import type { ModelRequest } from '../../core/request.ts'
import type { Work } from '../../core/turns.ts'
import { chatBody, countBody, embedBody, modelPath } from './gemini-body.ts'
import type { Json, Warnings } from './gemini-contents.ts'
import { countReading, embedReading } from './gemini-figures.ts'
import { GeminiReading } from './gemini-read.ts'
import { pathSegment } from './kind.ts'
import { unsupported } from './quirks.ts'
import type { Reading } from './reading.ts'

/** A call with how its answer is read. */
export interface GeminiCall extends Outgoing {
  readonly reading: () => Reading
}

/** What a request becomes; clients speak other dialects, so all are translated. `asks` for a stream whatever the client did. */
export function* geminiCall(request: ModelRequest, target: Target, asksStream: boolean): Work<GeminiCall> {
  const prompt = yield* request.prompt()
  const warnings: Warnings = new Set(Object.keys(prompt.rest))
  if (prompt.kind === 'embed') {
    return yield* call(target, 'batchEmbedContents', embedBody(prompt, target), warnings, () => embedReading)
  }
  if (prompt.kind !== 'chat') throw unsupported('model', `This backend has no operation ${prompt.kind}.`)
  if (request.operation === 'count') {
    const body = yield* countBody(prompt, target, warnings)
    return yield* call(target, 'countTokens', body, warnings, () => countReading)
  }
  const method = request.stream || asksStream ? 'streamGenerateContent' : 'generateContent'
  const body = yield* chatBody(prompt, target, warnings)
  return yield* call(target, method, body, warnings, () => new GeminiReading())
}

function* call(
  { model }: Target,
  method: string,
  body: Json,
  warnings: Warnings,
  reading: () => Reading,
): Work<GeminiCall> {
  const stream = method === 'streamGenerateContent'
  const path = modelPath(model).split('/').map(pathSegment).join('/')
  return {
    path: `/${path}:${method}${stream ? '?alt=sse' : ''}`,
    headers: stream ? streamHeaders : wholeHeaders,
    body: (yield* JsonText.printed(body)).bytes,
    stream,
    dialect: 'gemini',
    warnings: [...warnings],
    reading,
  }
}

const type = { 'content-type': 'application/json' }
const streamHeaders = { ...type, accept: 'text/event-stream' }
const wholeHeaders = { ...type, accept: 'application/json' }
