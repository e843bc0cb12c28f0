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
  resize({ concurrency, concurrencyOf, queue }: Bounds): this {
    this.#bounds = { concurrency, queue, ...(concurrencyOf && { concurrencyOf }) }
    for (const [row, slots] of this.#rows) slots.resize(this.#concurrency(row), queue)
    return this
  }

  /** `row` is a row of the config: there are only so many. */
  of(row: string): Slots {
    const line = this.#bounds.concurrencyOf === undefined ? '' : row
    const known = this.#rows.get(line)
    // What a row's engine takes is known when it is here, which may be after its first call.
    if (known !== undefined) return known.resize(this.#concurrency(line), this.#bounds.queue)
    const made = new Slots(this.#name).resize(this.#concurrency(line), this.#bounds.queue)
    this.#rows.set(line, made)
    return made
  }

  #concurrency(line: string): number {
    const { concurrency, concurrencyOf } = this.#bounds
    return concurrencyOf?.(line) ?? concurrency
  }
}
