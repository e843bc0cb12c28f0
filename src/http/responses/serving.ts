import type { Gateway } from '../../serve/gateway/gateway.ts'
import { responsePages } from '../pages/responses.ts'
import type { Page } from '../page.ts'
import type { Around, ServerParts } from '../server.ts'
import type { Sockets } from '../socket.ts'
import { BackgroundRuns, type RunsParts } from './background.ts'
import { counting, keeping } from './kept-call.ts'
import { responsesSockets } from './sockets.ts'

/** The state of `/v1/responses`, for a server. */
export interface ResponsesServing {
  readonly pages: readonly Page[]
  readonly around: Readonly<Record<string, Around>>
  sockets(parts: ServerParts): Sockets
  /** Resolves when what runs in the background has ended and is kept. */
  settled(): Promise<void>
}

export interface ResponsesServingParts extends RunsParts {
  readonly gateway: Gateway
  /** What a request may take with the conversation before it. */
  readonly maxTurnBytes: () => number
}

export function serveResponses(parts: ResponsesServingParts): ResponsesServing {
  const { responses, now, failed, gateway, maxTurnBytes } = parts
  const runs = new BackgroundRuns(parts)
  const kept = { responses, runs, failed, maxTurnBytes }
  return {
    pages: responsePages({ responses, runs, gateway, maxTurnBytes, now }),
    around: { 'openai-responses': keeping(kept), 'openai-count': counting(kept) },
    sockets: (server) => responsesSockets(server, kept, now),
    settled: () => runs.settled(),
  }
}
