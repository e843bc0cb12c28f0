import type { Opening } from '../../core/backend.ts'
import type { Failure } from '../../core/failure.ts'
import { afterGrant, type Waiting } from './schedule.ts'

interface Waiter {
  resolve(opening: Opening): void
  reject(error: unknown): void
}

/** Who waits for which model, in the order of arrival. */
export class Queue {
  #waiting: readonly Waiting[] = []
  #lastId = 0
  readonly #waiters = new Map<number, Waiter>()

  get waiting(): readonly Waiting[] {
    return this.#waiting
  }

  /** Resolves when `grant` is called for it. Rejects with the signal's reason, when `left` is told too. */
  enter(row: string, priority: number, signal: AbortSignal, left: () => void): Promise<Opening> {
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId
      const leave = () => {
        this.#take(id)?.reject(signal.reason)
        left()
      }
      signal.addEventListener('abort', leave, { once: true })
      const settled =
        <T>(settle: (value: T) => void) =>
        (value: T) => {
          signal.removeEventListener('abort', leave)
          settle(value)
        }
      this.#waiters.set(id, { resolve: settled(resolve), reject: settled(reject) })
      this.#waiting = [...this.#waiting, { id, row, priority, overtaken: 0 }]
    })
  }

  grant(
    granted: { readonly id: number; readonly overtakes: boolean },
    hasProcess: (row: string) => boolean,
    opening: Opening,
  ): void {
    this.#waiting = afterGrant(this.#waiting, granted, hasProcess)
    this.#take(granted.id)?.resolve(opening)
  }

  turnAway(row: string, failure: Failure): void {
    for (const request of this.#waiting) if (request.row === row) this.#take(request.id)?.reject(failure)
  }

  refuse(id: number, failure: Failure): void {
    this.#take(id)?.reject(failure)
  }

  #take(id: number): Waiter | undefined {
    const waiter = this.#waiters.get(id)
    this.#waiters.delete(id)
    this.#waiting = this.#waiting.filter((request) => request.id !== id)
    return waiter
  }
}
