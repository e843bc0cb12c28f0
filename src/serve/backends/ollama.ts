import { z } from 'zod'

import type { Opening, Target } from '../../core/backend.ts'
import type { FrameReader } from '../../core/event.ts'
import { asFailure, type Failure } from '../../core/failure.ts'
import { isInHouse } from '../../core/hosts.ts'
import type { ModelFacts } from '../../core/model-facts.ts'
import type { ModelRequest } from '../../core/request.ts'
import type { Send, UpstreamReply } from '../../core/send.ts'
import { paced } from '../../core/turns.ts'
import { baseUrl, defaultQueue, remoteSettings, sharedSettings } from './kind.ts'
import type { BackendDeps, BackendKind, RowBackend } from './kind.ts'
import { ollamaCall, type OllamaCall, type OllamaServer } from './ollama-call.ts'
import { ollamaFailure } from './ollama-failure.ts'
import { OllamaModels } from './ollama-models.ts'
import { ollamaReader } from './ollama-reader.ts'

const settings = z.strictObject({
  kind: z.literal('ollama'),
  url: baseUrl.default('http://127.0.0.1:11434').describe('Without /api or /v1.'),
  keepAlive: z
    .union([
      z.int(),
      z.string().regex(/^-?(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/, 'is no duration as 30m or 24h'),
    ])
    .optional()
    .describe(
      'How long a model stays loaded after a call: 30m, 24h, seconds, -1 for ever; left out: as Ollama does.',
    ),
  ...sharedSettings,
  ...remoteSettings,
})

type OllamaRow = z.output<typeof settings>

/**
 * How many calls go to it at once. Calls past what it runs in parallel (OLLAMA_NUM_PARALLEL, one to four for each
 * loaded model) wait inside it, where nobody sees or bounds their queue: ours has a bound, an order and figures.
 */
const concurrency = 4

/** Ollama through its own interface: OpenAI's face of it has no context, no durations, and hides its errors. */
export const ollama: BackendKind<OllamaRow> = {
  kind: 'ollama',
  about: 'Ollama, its own interface.',
  takesContext: true,
  settings,
  placeOf: (row) => row.place ?? (isInHouse(new URL(row.url).hostname) ? 'local' : 'cloud'),
  create: (name, row, deps) => new OllamaBackend(name, row, deps),
}

class OllamaBackend implements RowBackend {
  readonly name: string
  readonly kind = 'ollama'
  readonly place: RowBackend['place']
  readonly concurrency: number
  readonly queue: number
  readonly operations = ['chat', 'complete', 'embed'] as const
  readonly probe = { path: '/api/version' } as const
  readonly send: Send
  readonly #opening: Opening
  readonly #models: OllamaModels
  readonly #server: OllamaServer
  readonly #clock: NonNullable<BackendDeps['clock']>
  /** Calls whose model could not be looked at: they end where they would have gone out, as any call that fails. */
  readonly #unsent = new WeakMap<Uint8Array, Failure>()

  constructor(name: string, row: OllamaRow, { place, send, clock = Date }: BackendDeps) {
    this.name = name
    this.place = place
    this.concurrency = row.concurrency ?? concurrency
    this.queue = row.queue ?? defaultQueue
    this.#opening = {
      url: row.url.replace(/\/(?:api|v1)$/, ''),
      headers: { ...(row.apiKey !== undefined && { authorization: `Bearer ${row.apiKey}` }), ...row.headers },
      close: () => undefined,
    }
    this.#server = { ask: row.ask ?? 'stream', keepAlive: row.keepAlive }
    this.#clock = clock
    this.#models = new OllamaModels({ name, place, send, opening: this.#opening, clock })
    this.send = (call, label) => {
      const failure = call.body && this.#unsent.get(call.body)
      return failure === undefined ? send(call, label) : Promise.reject(failure)
    }
  }

  open(): Opening {
    return this.#opening
  }

  outgoing(request: ModelRequest, target: Target): OllamaCall | Promise<OllamaCall> {
    const { model } = target
    this.#models.mustStay(model)
    const facts = this.#models.factsOf(model)
    if (facts !== undefined) return this.#write(request, target, facts)
    return this.#models.ask(model).then(
      (asked) => this.#write(request, target, asked),
      (thrown) => this.#unsendable(request, target, asFailure(thrown)),
    )
  }

  reader(asked: OllamaCall, reply: UpstreamReply): FrameReader {
    return ollamaReader(asked, reply, (host) => {
      if (!this.#models.mayLeave) this.#models.forget(asked.model)
      this.#models.mustStay(asked.model, { remoteHost: host })
    })
  }

  failure(asked: OllamaCall, status: number, retryAfter: string | undefined, body: Uint8Array): Failure {
    // The name may stand for another model when it is back.
    if (status === 404) this.#models.forget(asked.model)
    return ollamaFailure(status, retryAfter, body, this.#clock.now())
  }

  #write(request: ModelRequest, target: Target, facts: ModelFacts): OllamaCall | Promise<OllamaCall> {
    this.#models.mustStay(target.model, facts)
    return paced(request.body.bytes.length, ollamaCall(request, target, facts, this.#server))
  }

  /** A third party's host may show nothing of its models: then they are asked without. */
  #unsendable(request: ModelRequest, target: Target, failure: Failure): OllamaCall | Promise<OllamaCall> {
    if (this.#models.mayLeave) return this.#write(request, target, {})
    const body = new Uint8Array()
    this.#unsent.set(body, failure)
    return {
      path: '/api/chat',
      headers: {},
      body,
      stream: request.stream,
      dialect: 'ollama-chat',
      warnings: [],
      model: target.model,
      completes: false,
      formatted: false,
      forced: undefined,
    }
  }
}
