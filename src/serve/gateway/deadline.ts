import type { Failure } from '../../core/failure.ts'

/** One timer that ends a call with a failure when nothing moves for too long. Re-armed, not re-made, for each event. */
export class Deadline {
  readonly #call: AbortController
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(call: AbortController) {
    this.#call = call
  }

  arm(ms: number, failure: () => Failure): void {
    this.clear()
    this.#timer = setTimeout(() => this.#call.abort(failure()), ms)
  }

  /** Something moved: the time starts anew. */
  touch(): void {
    this.#timer?.refresh()
  }

  clear(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
