import { Failure } from '../../core/failure.ts'
import type { EngineSettings } from './engine.ts'

interface Setback {
  readonly failures: number
  /** Not started before this tick. */
  readonly until: number
  /** Set when we gave up until then. */
  readonly failure: Failure | undefined
}

const failuresInARow = 3

/** What went wrong with which row lately, and when it may be tried again. Times are the caller's ticks. */
export class Backoff {
  readonly #of = new Map<string, Setback>()

  /** The row may not be started now. */
  blocks(row: string, tick: number): boolean {
    return (this.#of.get(row)?.until ?? tick) > tick
  }

  /** The failure that everyone gets until the row has rested, with the time that is left. */
  refusal(row: string, tick: number): Failure | undefined {
    const setback = this.#of.get(row)
    if (setback?.failure === undefined || setback.until <= tick) return undefined
    const { code, facts } = setback.failure
    return new Failure(code, { ...facts, retryAfterMs: Math.ceil(setback.until - tick) })
  }

  /**
   * One more failure. The first two are followed by a wait that doubles; the third by a rest, in which nobody waits.
   * After the rest there is one try.
   */
  add(
    row: string,
    failure: Failure,
    tick: number,
    { backoffMs, restMs }: Pick<EngineSettings, 'backoffMs' | 'restMs'>,
  ): { readonly waitMs: number; readonly givenUp: boolean } {
    const failures = (this.#of.get(row)?.failures ?? 0) + 1
    const givenUp = failures >= failuresInARow
    const waitMs = givenUp ? restMs : backoffMs * 2 ** (failures - 1)
    this.#of.set(row, {
      failures: Math.min(failures, failuresInARow - 1),
      until: tick + waitMs,
      failure: givenUp ? failure : undefined,
    })
    return { waitMs, givenUp }
  }

  forget(row: string): void {
    this.#of.delete(row)
  }

  clear(): void {
    this.#of.clear()
  }
}
