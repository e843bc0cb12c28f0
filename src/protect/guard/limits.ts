import { SlidingWindow } from './window.ts'

/** What the config and a key say; what is left out is not limited. */
export interface Limits {
  readonly requestsPerMinute?: number
  readonly tokensPerMinute?: number
  /** Calls at once. */
  readonly concurrency?: number
}

/** One limit as a counter sees it: plain data, so that the counters may stand in another process. */
export interface Limit {
  /** Names the counter; limits with the same id share it. */
  readonly id: string
  readonly unit: keyof Limits
  readonly most: number
  /** Whose limit it is, for people: `key alice`, `team research`, `model small`. */
  readonly owner: string
}

export interface Lease {
  /** Gives the concurrency back, and makes the tokens taken the tokens used. Idempotent. */
  close(tokens: number): void
}

/** The limit that refuses longest. */
export interface Refusal {
  readonly limit: Limit
  /** The call passes after it if nothing else happens; `Infinity` when the call alone is above the limit. */
  readonly retryAfterMs: number
}

/** All limits of a call in one step, so that a store shared by replicas can do it in one round trip. */
export interface Counters {
  /** Takes from every limit, or refuses and takes from none. */
  take(limits: readonly Limit[], tokens: number): Lease | Refusal
  /** Takes from every limit, full or not. */
  add(limits: readonly Limit[], tokens: number): Lease
}

/** When a running call ends cannot be known; a second is neither in vain nor too late. */
const slotRetryMs = 1000

interface Counter {
  readonly window: SlidingWindow
  /** Leases that are open. */
  running: number
}

/** Counters of one process. `tick` gives monotonic milliseconds. */
export function localCounters(tick: () => number): Counters & { readonly size: number } {
  const counters = new Map<string, Counter>()
  const now = (): number => Math.floor(tick())
  let sweeper = counters.entries()

  const counterOf = (id: string): Counter => {
    const known = counters.get(id)
    if (known !== undefined) return known
    const made = { window: new SlidingWindow(), running: 0 }
    counters.set(id, made)
    return made
  }

  /** Each take looks at two counters in turn and forgets the idle, so that no call pays for all of them. */
  const sweep = (at: number): void => {
    for (let i = 0; i < 2; i++) {
      const next = sweeper.next()
      if (next.done === true) {
        sweeper = counters.entries()
        return
      }
      const [id, counter] = next.value
      if (counter.running === 0 && counter.window.isIdle(at)) counters.delete(id)
    }
  }

  const takeAll = (limits: readonly Limit[], tokens: number, takenAt: number): Lease => {
    const taken = limits.map((limit) => takeOne(counterOf(limit.id), limit, tokens, takenAt))
    let open = true
    return {
      close(used) {
        if (!open) return
        open = false
        const closedAt = now()
        for (const { counter, time } of taken) settle(counter, time, tokens, used, closedAt)
      },
    }
  }

  return {
    get size() {
      return counters.size
    },
    add: (limits, tokens) => takeAll(limits, tokens, now()),
    take(limits, tokens) {
      const takenAt = now()
      sweep(takenAt)
      let refusal: Refusal | undefined
      for (const limit of limits) {
        const retryAfterMs = waitOf(counterOf(limit.id), limit, tokens, takenAt)
        if (retryAfterMs > (refusal?.retryAfterMs ?? 0)) refusal = { limit, retryAfterMs }
      }
      return refusal ?? takeAll(limits, tokens, takenAt)
    },
  }
}

function waitOf({ window, running }: Counter, { unit, most }: Limit, tokens: number, now: number): number {
  if (unit === 'requestsPerMinute') return window.waitFor(1, most, now)
  if (unit === 'tokensPerMinute') return window.waitFor(tokens, most, now)
  return running < most ? 0 : most === 0 ? Infinity : slotRetryMs
}

interface Taken {
  readonly counter: Counter
  /** When tokens were taken; undefined for the other units. */
  readonly time: number | undefined
}

function takeOne(counter: Counter, { unit }: Limit, tokens: number, now: number): Taken {
  counter.running++
  if (unit === 'tokensPerMinute') return { counter, time: counter.window.add(tokens, now) }
  if (unit === 'requestsPerMinute') counter.window.add(1, now)
  return { counter, time: undefined }
}

/** Too much taken goes back to when it was taken; what was used beyond it counts from now. */
function settle(counter: Counter, time: number | undefined, taken: number, used: number, now: number): void {
  counter.running--
  if (time === undefined) return
  if (used < taken) counter.window.giveBack(taken - used, time, now)
  else if (used > taken) counter.window.add(used - taken, now)
}
