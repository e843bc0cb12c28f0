import type { Backend } from '../../core/backend.ts'
import { Slots } from './slots.ts'

type Bounds = Pick<Backend, 'concurrency' | 'concurrencyOf'> & { readonly queue: number }

/** The lines before one backend: one for all its models, or one for each row where the rows run by themselves. */
export class Lines {
  readonly #name: string
  readonly #rows = new Map<string, Slots>()
  #bounds: Bounds = { concurrency: 1, queue: 0 }

  constructor(name: string) {
    this.#name = name
  }

  /** New bounds; what runs goes on, and who waits is let in where there is room now. */
  resize(bounds: Bounds): this {
    this.#bounds = bounds
    for (const [line, slots] of this.#rows) this.#fit(line, slots)
    return this
  }

  /** `row` is a row of the config: there are only so many. */
  of(row: string): Slots {
    const { concurrencyOf } = this.#bounds
    const line = concurrencyOf === undefined ? '' : row
    const known = this.#rows.get(line)
    // What a row's engine takes is known when it is here, which may be after its first call.
    if (known !== undefined) return concurrencyOf === undefined ? known : this.#fit(line, known)
    const made = this.#fit(line, new Slots(this.#name))
    this.#rows.set(line, made)
    return made
  }

  #fit(line: string, slots: Slots): Slots {
    const { concurrency, concurrencyOf, queue } = this.#bounds
    return slots.resize(concurrencyOf?.(line) ?? concurrency, queue)
  }
}
