import type { Clock } from '../../core/clock.ts'
import type { ModelFacts } from '../../core/model-facts.ts'
import type { Transport } from '../../core/send.ts'
import { createAsk, type Ask } from './ask.ts'
import { clouds } from './clouds.ts'
import { engines } from './engines/index.ts'

/** A backend that can be asked what its models are. */
export interface Source {
  readonly name: string
  /** The kind of its row, or its preset. */
  readonly kind: string
  /** Where it is reached, as its backend does. */
  reach(): Promise<{ readonly url: string; readonly headers: Readonly<Record<string, string>> }>
  /** Through the door. */
  readonly transport: Transport
  /** Names at the backend that rows of `models` lead to. */
  readonly models: readonly string[]
}

const everyMs = 5 * 60_000
const timeoutMs = 10_000

/**
 * What backends say of their models, remembered. Nobody waits for it: what is known is told, and what is old is asked for
 * anew beside it. An answer that fails leaves what was known.
 */
export class FactsCache {
  readonly #clock: Pick<Clock, 'tick'>
  #sources: readonly Source[] = []
  readonly #known = new Map<string, ReadonlyMap<string, ModelFacts>>()
  /** By the name of the backend; gone when its row changes. */
  readonly #askedAt = new Map<string, number>()

  constructor(clock: Pick<Clock, 'tick'>) {
    this.#clock = clock
  }

  /** The backends of the config in force; all are asked anew when it is wanted. */
  use(sources: readonly Source[]): void {
    this.#sources = sources
    this.#askedAt.clear()
    const names = new Set(sources.map(({ name }) => name))
    for (const name of this.#known.keys()) if (!names.has(name)) this.#known.delete(name)
  }

  /** What is known now. What nobody asked for yet, this does not either; what is old it does, beside. */
  of(backend: string, model: string): ModelFacts | undefined {
    if (this.#askedAt.has(backend)) void this.#freshen(this.#sources.filter(({ name }) => name === backend))
    return this.#known.get(backend)?.get(model)
  }

  /** Asks whoever was not asked for a while. Resolves when all have answered; never rejects. */
  freshen(): Promise<void> {
    return this.#freshen(this.#sources)
  }

  async #freshen(sources: readonly Source[]): Promise<void> {
    const now = this.#clock.tick()
    const due = sources.filter(({ name }) => now - (this.#askedAt.get(name) ?? -Infinity) >= everyMs)
    for (const { name } of due) this.#askedAt.set(name, now)
    await Promise.allSettled(due.map((source) => this.#learn(source)))
  }

  async #learn(source: Source): Promise<void> {
    const { name, kind, models: wanted } = source
    let hasFailed = false
    const onFailure = (): void => void (hasFailed = true)
    const { url: root, headers } = await source.reach()
    const ask = createAsk({ root, headers, transport: source.transport, timeoutMs, onFailure })
    const facts = await learned(kind, ask, wanted)
    // Another config is in force by now, or it did not answer.
    if (!this.#sources.includes(source) || (hasFailed && facts.size === 0)) return
    this.#known.set(name, facts)
  }
}

const learned = async (
  kind: string,
  ask: Ask,
  wanted: readonly string[],
): Promise<ReadonlyMap<string, ModelFacts>> => {
  // Of kinds that several are, the last is the plain one.
  const engine = engines.findLast(({ id }) => id === kind) ?? clouds.find(({ id }) => id === kind)
  if (engine === undefined) return new Map()
  const listed = new Map((await engine.models(ask)).map(({ name, facts }) => [name, facts]))
  const only = 'takesAnyName' in engine && listed.size === 1 ? [...listed.values()][0] : undefined
  const known = new Map<string, ModelFacts>()
  for (const name of wanted) {
    const facts = listed.get(name) ?? only
    const more = await engine.detail?.(ask, name)
    if (facts !== undefined || Object.keys(more ?? {}).length > 0) known.set(name, { ...facts, ...more })
  }
  return known
}
