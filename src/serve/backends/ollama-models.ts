import type { Backend, Opening } from '../../core/backend.ts'
import type { Clock } from '../../core/clock.ts'
import { Failure, asFailure } from '../../core/failure.ts'
import type { ModelFacts } from '../../core/model-facts.ts'
import type { Place } from '../../core/place.ts'
import type { Send } from '../../core/send.ts'
import { ollamaFacts } from './ollama-facts.ts'
import { ollamaFailure } from './ollama-failure.ts'

/** How long an answer counts: a name can be given to another model at any time. */
const keptMs = 60_000
/** To show a model loads none. */
const patienceMs = 10_000
const mostBytes = 8 * 1024 ** 2

interface Parts {
  readonly name: string
  readonly place: Place
  readonly send: Send
  readonly opening: Opening
  readonly clock: Pick<Clock, 'now'>
}

/** What an Ollama says of its models (`POST /api/show`), and the watch over those that do not run there. */
export class OllamaModels {
  readonly #parts: Parts
  readonly #known = new Map<string, { readonly facts: ModelFacts; readonly until: number }>()
  readonly #asking = new Map<string, Promise<ModelFacts>>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Undefined where it was not asked, or too long ago. */
  factsOf(model: string): ModelFacts | undefined {
    const known = this.#known.get(model)
    return known !== undefined && this.#parts.clock.now() < known.until ? known.facts : undefined
  }

  /** Asked once, however many wait for it. Rejects as the call itself would; nothing is remembered then. */
  ask(model: string): Promise<ModelFacts> {
    let asking = this.#asking.get(model)
    if (asking === undefined) {
      asking = this.#show(model).finally(() => this.#asking.delete(model))
      this.#asking.set(model, asking)
    }
    return asking
  }

  forget(model: string): void {
    this.#known.delete(model)
  }

  /** Throws `Failure('cloud_model')`. */
  mustStay(model: string, facts: ModelFacts = {}): void {
    mustStay(model, facts, this.#parts)
  }

  get mayLeave(): boolean {
    return mayLeave(this.#parts)
  }

  async #show(model: string): Promise<ModelFacts> {
    const { opening, send, name, clock } = this.#parts
    const stop = new AbortController()
    const timer = setTimeout(() => {
      stop.abort(new Failure('first_event_timeout', `${name} did not say what ${model} is.`))
    }, patienceMs)
    try {
      const reply = await send(
        {
          method: 'POST',
          url: `${opening.url}/api/show`,
          headers: { ...opening.headers, 'content-type': 'application/json' },
          body: new TextEncoder().encode(JSON.stringify({ model })),
          signal: stop.signal,
          connectTimeoutMs: patienceMs,
        },
        // A model’s name is all that it says.
        'public',
      )
      const body = await reply.body.all(mostBytes)
      if (reply.status !== 200) {
        throw ollamaFailure(reply.status, reply.header('retry-after'), body, clock.now())
      }
      const facts = ollamaFacts(parsed(body))
      this.#known.set(model, { facts, until: clock.now() + keptMs })
      return facts
    } catch (thrown) {
      throw asFailure(stop.signal.aborted ? stop.signal.reason : thrown)
    } finally {
      clearTimeout(timer)
    }
  }
}

const mayLeave = ({ place }: Pick<Backend, 'place'>): boolean => place.kind === 'third-party'

/**
 * Ollama hands calls to its cloud models on, and lists them like its own: they are for third parties only.
 * Throws `Failure('cloud_model')`.
 */
export function mustStay(
  model: string,
  { remoteHost }: ModelFacts,
  backend: Pick<Backend, 'name' | 'place'>,
): void {
  const host = remoteHost ?? (isCloudName(model) ? 'ollama.com' : undefined)
  if (host === undefined || mayLeave(backend)) return
  throw new Failure(
    'cloud_model',
    `${backend.name} would hand this call on to ${host.slice(0, 100)}, and its place is ${backend.place.name}.`,
  )
}

/** Newer versions hand on by the name alone, without knowing the model: `:cloud`, or a tag that ends in `-cloud`. */
export const isCloudName = (model: string): boolean => /:(?:[^/:]*-)?\s*cloud\s*$/i.test(model)

function parsed(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body))
  } catch {
    throw new Failure('upstream_invalid', 'The backend’s answer is not JSON.')
  }
}
