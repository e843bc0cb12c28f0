import type { Failure } from '../../core/failure.ts'
import { asFailure } from '../../core/failure.ts'
import { JsonText } from '../../core/json.ts'
import type { Surface } from '../../core/surface.ts'
import type { ResponseStore } from '../../serve/conversations/response-store.ts'
import type { Turn } from '../../serve/conversations/turn.ts'
import { ResponseDraft } from '../../serve/surfaces/openai-responses-draft.ts'
import { responseId } from '../../serve/surfaces/openai-responses.ts'
import { BackgroundRun } from './background-run.ts'

export interface RunsParts {
  readonly responses: ResponseStore
  readonly now: () => number
  /** What all events of one response may take. */
  readonly maxBytes: () => number
  readonly failed: (failure: Failure, requestId: string) => void
}

/** An answer that has begun, and is to go on without its client. */
export interface Begun {
  readonly owner: string
  readonly turn: Turn
  readonly surface: Surface
  readonly body: ReadableStream<Uint8Array>
  readonly headers: Headers
  /** Gives the call up. */
  readonly stop: () => void
}

/** The responses that are made in the background just now. */
export class BackgroundRuns {
  readonly #parts: RunsParts
  readonly #running = new Map<string, BackgroundRun>()

  constructor(parts: RunsParts) {
    this.#parts = parts
  }

  /** The first answer: the response as it is queued, or the stream of its events. It is kept from here on. */
  async start({ owner, turn, surface, body, headers, stop }: Begun): Promise<Response> {
    const { responses, now, maxBytes } = this.#parts
    const requestId = headers.get('x-inhouse-request-id') ?? ''
    const id = responseId(requestId)
    const request = surface.parse(await JsonText.read(turn.body), () => undefined)
    const draft = new ResponseDraft(
      { requestId, created: Math.floor(now() / 1000), request },
      () => undefined,
    )
    const run = new BackgroundRun({
      id,
      input: turn.input,
      queued: { ...draft.resource(), status: 'queued' },
      body,
      maxBytes: maxBytes(),
      keep: (kept) => responses.keep(owner, kept),
      stop,
    })
    const key = keyOf(owner, id)
    this.#running.set(key, run)
    try {
      await responses.keep(owner, await run.kept())
    } catch (thrown) {
      // Nobody could come back for it.
      this.#running.delete(key)
      stop()
      throw thrown
    }
    void run
      .read()
      .catch((thrown: unknown) => this.#parts.failed(asFailure(thrown), requestId))
      .finally(() => this.#running.delete(key))
    if (turn.isStreamed) return new Response(run.follow(-1), { headers })
    headers.set('content-type', 'application/json')
    return Response.json(run.resource, { headers })
  }

  find(owner: string, id: string): BackgroundRun | undefined {
    return this.#running.get(keyOf(owner, id))
  }

  /** Resolves when all that run have ended and are kept. */
  async settled(): Promise<void> {
    await Promise.all([...this.#running.values()].map((run) => run.ended))
  }
}

const keyOf = (owner: string, id: string): string => JSON.stringify([owner, id])
