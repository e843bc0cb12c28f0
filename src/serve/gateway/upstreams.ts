import type { Backend } from '../../core/backend.ts'
import type { Clock } from '../../core/clock.ts'
import { Failure } from '../../core/failure.ts'
import type { Standing } from '../../core/route.ts'
import { HealthByModel, type Circuit } from './health.ts'
import type { Deadlines, GatewaySettings } from './settings.ts'
import { Lines } from './lines.ts'

/** A backend with what the gateway knows of it: its places, its line, its health. */
export interface Upstream {
  readonly backend: Backend
  readonly lines: Lines
  /** By the model's name at the backend: one that fails says nothing of the others. */
  readonly health: HealthByModel
  /** The general ones, and what the backend's row says instead. */
  readonly deadlines: Deadlines
}

/** A backend as its row makes it. */
export interface Placed {
  readonly backend: Backend & { readonly queue: number }
  readonly deadlines: Deadlines
}

/** Told each circuit that opens or closes. */
export type OnCircuit = (backend: string, circuit: Circuit) => void

/** The backends of one config. A reload makes a new list and takes over lines and health. */
export class Upstreams {
  readonly #upstreams: ReadonlyMap<string, Upstream>

  constructor(upstreams: ReadonlyMap<string, Upstream>) {
    this.#upstreams = upstreams
  }

  /** Those that were there before under the same name keep their counts, under the new settings. */
  static of(
    backends: Iterable<Placed>,
    clock: Clock,
    settings: GatewaySettings,
    onCircuit: OnCircuit,
    before?: Upstreams,
  ): Upstreams {
    const upstreams = new Map<string, Upstream>()
    for (const { backend, deadlines } of backends) {
      const known = before?.find(backend.name)
      const lines = (known?.lines ?? new Lines(backend.name)).resize(backend)
      const health =
        known?.health.adjust(settings.health) ??
        new HealthByModel(clock, settings.health, (circuit) => onCircuit(backend.name, circuit))
      upstreams.set(backend.name, { backend, lines, health, deadlines })
    }
    return new Upstreams(upstreams)
  }

  get(name: string): Upstream {
    const upstream = this.find(name)
    if (upstream === undefined) throw new Failure('no_target', `There is no backend named ${name}.`)
    return upstream
  }

  find(name: string): Upstream | undefined {
    return this.#upstreams.get(name)
  }

  /** Of one model at a backend, or of all of it. */
  readonly standing = (name: string, model?: string): Standing =>
    this.#upstreams.get(name)?.health.standing(model) ?? 'resting'

  all(): Iterable<Upstream> {
    return this.#upstreams.values()
  }
}
