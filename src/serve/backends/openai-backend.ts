import type { Backend, Target } from '../../core/backend.ts'
import type { Operation } from '../../core/operation.ts'
import type { ModelRequest } from '../../core/request.ts'
import { paced, type Work } from '../../core/turns.ts'
import { countCall } from './count-call.ts'
import { infillCall, wantsInfill } from './infill-call.ts'
import type { BackendDeps, RowBackend } from './kind.ts'
import { openAiCall } from './openai-call.ts'
import type { Asked, Server } from './openai-server.ts'
import { unsupported } from './quirks.ts'
import { readerOf } from './reading.ts'
import { rerankCall } from './rerank-call.ts'
import { responsesCall, wantsResponses } from './responses-call.ts'
import { upstreamFailure } from './upstream-failure.ts'

/** What an OpenAI-speaking backend needs to know. */
interface OpenAiParts extends Pick<
  Backend,
  'name' | 'kind' | 'concurrency' | 'open' | 'probe' | 'operations'
> {
  readonly deps: BackendDeps
  readonly queue: number
  readonly serverOf: (target: Target) => Server
}

export function openAiBackend({ deps, serverOf, ...parts }: OpenAiParts): RowBackend {
  return {
    ...parts,
    place: deps.place,
    send: deps.send,
    outgoing: (request, target) =>
      paced(request.body.bytes.length, openAiOperation(request, serverOf(target))),
    reader: (asked: Asked, reply) => readerOf(asked.reading(), asked, reply),
    failure: (_outgoing, status, retryAfter, body) =>
      upstreamFailure(status, retryAfter, body, (deps.clock ?? Date).now()),
  }
}

/** Whatever such a server can do, in the words of its preset. */
export function openAiOperation(request: ModelRequest, server: Server): Work<Asked> {
  const { operation } = request
  if (!server.preset.operations.includes(operation)) throw noSuch(operation)
  switch (operation) {
    case 'rerank':
      return rerankCall(request, server)
    case 'count':
      return countCall(request, server)
    case 'complete':
      if (wantsInfill(request, server)) return infillCall(request, server)
      return openAiCall(request, server, operation)
    case 'chat':
      if (wantsResponses(request, server)) return responsesCall(request, server)
      return openAiCall(request, server, operation)
    default:
      return openAiCall(request, server, operation)
  }
}

const noSuch = (operation: Operation) => unsupported('model', `This backend has no operation ${operation}.`)
