import { Failure } from '../../core/failure.ts'
import type { Stop } from '../../core/stop.ts'

interface Waiter {
  readonly serve: () => void
}

/**
 * The places at one backend: so many calls at once, the rest wait in line (first come, first served), and the line is
 * bounded. A place is a lease; giving it back twice is harmless.
 */
export class Slots {
  readonly #name: string
  readonly #line: Waiter[] = []
  #concurrency = 1
  #queueLimit = 0
  #busy = 0

  constructor(name: string) {
    this.#name = name
  }

  /** New bounds; what runs goes on, and who waits is let in where there is room now. */
  resize(concurrency: number, queueLimit: number): this {
    this.#concurrency = concurrency
    this.#queueLimit = queueLimit
    this.#serveNext()
    return this
  }

  get busy(): number {
    return this.#busy
  }

  get waiting(): number {
    return this.#line.length
  }

  /**
   * Resolves with the function that gives the place back. Throws `Failure('queue_full')` at once,
   * `Failure('queue_timeout')` after `maxWaitMs`, `Failure('client_left')` when the signal fires.
   */
  take(signal: Stop, maxWaitMs: number): (() => void) | Promise<() => void> {
    if (this.#busy < this.#concurrency && this.#line.length === 0) return this.#lease()
    if (this.#line.length >= this.#queueLimit) {
      throw new Failure('queue_full', {
        message: `All ${this.#concurrency} slots of backend ${this.#name} are busy and ${this.#line.length} calls wait already.`,
        retryAfterMs: 1000,
      })
    }
    return new Promise((resolve, reject) => {
      const leave = (failure: Failure): void => {
        const at = this.#line.indexOf(waiter)
        if (at === -1) return
        this.#line.splice(at, 1)
        settled()
        reject(failure)
      }
      const left = (): void =>
        leave(new Failure('client_left', 'The client hung up while waiting for a slot.'))
      const timer = setTimeout(() => {
        leave(
          new Failure('queue_timeout', {
            message: `No slot of backend ${this.#name} came free within ${maxWaitMs} ms.`,
            retryAfterMs: 1000,
          }),
        )
      }, maxWaitMs)
      const settled = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', left)
      }
      const waiter: Waiter = {
        serve: () => {
          settled()
          resolve(this.#lease())
        },
      }
      this.#line.push(waiter)
      signal.addEventListener('abort', left)
      if (signal.aborted) left()
    })
  }

  #lease(): () => void {
    this.#busy++
    let held = true
    return () => {
      if (!held) return
      held = false
      this.#busy--
      this.#serveNext()
    }
  }

  #serveNext(): void {
    while (this.#busy < this.#concurrency && this.#line.length > 0) this.#line.shift()?.serve()
  }
}
