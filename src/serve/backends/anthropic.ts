import { z } from 'zod'

import type { Opening, Outgoing, Target } from '../../core/backend.ts'
import type { ModelRequest } from '../../core/request.ts'
import { paced, type Work } from '../../core/turns.ts'
import { anthropicDraft } from './anthropic-body.ts'
import { countReading, patchCount } from './anthropic-count.ts'
import { leaveForeignThoughts, patchAnthropic, putSystem } from './anthropic-patch.ts'
import { AnthropicReading } from './anthropic-read.ts'
import { callIds, withTakenIds } from './call-ids.ts'
import { Draft } from './draft.ts'
import { baseUrl, defaultQueue, remoteSettings, sharedSettings, splitBase } from './kind.ts'
import type { BackendKind } from './kind.ts'
import { unsupported } from './quirks.ts'
import { readerOf } from './reading.ts'
import { upstreamFailure } from './upstream-failure.ts'

const settings = z.strictObject({
  kind: z.literal('anthropic'),
  url: baseUrl.default('https://api.anthropic.com').describe('Without /v1.'),
  ...sharedSettings,
  ...remoteSettings,
})

/** Anthropic's Messages API, from any chat request. */
export const anthropic: BackendKind<z.output<typeof settings>> = {
  kind: 'anthropic',
  about: 'Anthropic, its own Messages API.',
  settings,
  placeOf: (row) => row.place ?? 'cloud',
  create(name, row, deps) {
    const opening: Opening = {
      url: splitBase(row.url).root,
      headers: { ...(row.apiKey !== undefined && { 'x-api-key': row.apiKey }), ...row.headers },
      close: () => undefined,
    }
    const ask = row.ask ?? 'same'
    return {
      name,
      kind: row.kind,
      place: deps.place,
      send: deps.send,
      concurrency: row.concurrency ?? 256,
      queue: row.queue ?? defaultQueue,
      operations: ['chat', 'count'],
      open: () => opening,
      outgoing: (request, target) => {
        const stream = request.operation === 'chat' && (request.stream || ask === 'stream')
        return paced(request.body.bytes.length, outgoing(request, target, stream))
      },
      reader: (asked, reply) => {
        const reading = asked.dialect === 'anthropic-count' ? countReading : new AnthropicReading()
        return readerOf(reading, asked, reply)
      },
      failure: (_outgoing, status, retryAfter, body) =>
        upstreamFailure(status, retryAfter, body, (deps.clock ?? Date).now()),
      probe: { path: '/v1/models' },
    }
  },
}

function* outgoing(request: ModelRequest, target: Target, stream: boolean): Work<Outgoing> {
  const isCount = request.operation === 'count'
  const dialect = isCount ? 'anthropic-count' : 'anthropic-messages'
  const isSame = request.dialect === dialect
  const draft = isSame
    ? new Draft(yield* withTakenIds(request.body, callIds.anthropic))
    : yield* draftOf(request, target.model)
  if (isSame) yield* leaveForeignThoughts(draft)
  const { system } = target.behaviour
  if (system !== undefined) yield* putSystem(draft, system)
  if (isCount) patchCount(draft, target)
  else patchAnthropic(draft, target, stream)
  return {
    path: isCount ? '/v1/messages/count_tokens' : '/v1/messages',
    headers: {
      'content-type': 'application/json',
      accept: stream ? 'text/event-stream' : 'application/json',
      'anthropic-version': '2023-06-01',
      ...(isSame && request.headers),
    },
    body: draft.isChanged ? yield* draft.bytes() : draft.body.bytes,
    stream,
    dialect,
    warnings: draft.warnings,
  }
}

function* draftOf(request: ModelRequest, model: string): Work<Draft> {
  const prompt = yield* request.prompt()
  if (prompt.kind !== 'chat') throw unsupported('model', `This backend has no operation ${prompt.kind}.`)
  return yield* anthropicDraft(prompt, model)
}
