import type { Backend } from '../../core/backend.ts'
import type { Clock } from '../../core/clock.ts'
import { Failure } from '../../core/failure.ts'
import type { Standing } from '../../core/route.ts'
import { HealthByModel } from './health.ts'
import type { Deadlines, GatewaySettings } from './settings.ts'
import { Slots } from './slots.ts'

/** A backend with what the gateway knows of it: its places, its line, its health. */
export interface Station {
  readonly backend: Backend
  readonly slots: Slots
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

/** The backends of one config. A reload makes a new list and takes over slots and health. */
export class Stations {
  readonly #stations: ReadonlyMap<string, Station>

  constructor(stations: ReadonlyMap<string, Station>) {
    this.#stations = stations
  }

  /** The stations of these backends; those that were there before under the same name keep their counts. */
  static of(
    backends: Iterable<Placed>,
    clock: Clock,
    settings: GatewaySettings,
    before?: Stations,
  ): Stations {
    const stations = new Map<string, Station>()
    for (const { backend, deadlines } of backends) {
      const slots = before?.find(backend.name)?.slots ?? new Slots(backend.name)
      slots.resize(backend.concurrency, backend.queue)
      const health = before?.find(backend.name)?.health ?? new HealthByModel(clock, settings.health)
      stations.set(backend.name, { backend, slots, health, deadlines })
    }
    return new Stations(stations)
  }

  get(name: string): Station {
    const station = this.find(name)
    if (station === undefined) throw new Failure('no_target', `There is no backend named ${name}.`)
    return station
  }

  find(name: string): Station | undefined {
    return this.#stations.get(name)
  }

  readonly standing = (name: string, model: string): Standing =>
    this.#stations.get(name)?.health.of(model).standing ?? 'resting'

  all(): Iterable<Station> {
    return this.#stations.values()
  }
}
