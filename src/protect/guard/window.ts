/** Limits count over this long: what is taken now is free again after it. */
export const windowMs = 60_000

/**
 * What was taken in the last minute, exactly. A log and not a token bucket (GCRA), because a bucket that is full
 * lets through nearly twice its limit in the minute after; here no minute holds more, and nothing is refused below.
 * Time counts in whole milliseconds and takes of the same millisecond share a slot: at most 60,000 slots, however
 * busy the caller.
 */
export class SlidingWindow {
  readonly #times: number[] = []
  readonly #amounts: number[] = []
  #head = 0
  #sum = 0

  /** What stands in the window now. */
  sum(now: number): number {
    this.#drop(now)
    return this.#sum
  }

  isIdle(now: number): boolean {
    this.#drop(now)
    return this.#times.length === 0
  }

  /** Milliseconds until `amount` fits below `most` if nothing else happens; `Infinity` when it is too much for ever. */
  waitFor(amount: number, most: number, now: number): number {
    let over = this.sum(now) + amount - most
    if (over <= 0) return 0
    if (amount > most) return Infinity
    let slot = this.#head - 1
    while (over > 0) over -= this.#amounts[++slot] as number
    return (this.#times[slot] as number) + windowMs - now
  }

  /** Returns the slot's time, to correct it by. A clock that goes backwards counts as standing still. */
  add(amount: number, now: number): number {
    const last = this.#times.length - 1
    const lastTime = this.#times[last]
    const time = Math.max(now, lastTime ?? now)
    if (time === lastTime && last >= this.#head) {
      this.#amounts[last] = (this.#amounts[last] as number) + amount
    } else {
      this.#times.push(time)
      this.#amounts.push(amount)
    }
    this.#sum += amount
    return time
  }

  /** Takes back a part of what was added at that time; nothing when that time has left the window. */
  giveBack(amount: number, time: number, now: number): void {
    this.#drop(now)
    const slot = this.#find(time)
    if (slot === undefined) return
    this.#amounts[slot] = (this.#amounts[slot] as number) - amount
    this.#sum -= amount
  }

  /** Forgets what is older than the window; the arrays are cut when half of them is past, so a drop costs O(1). */
  #drop(now: number): void {
    const times = this.#times
    while (this.#head < times.length && (times[this.#head] as number) + windowMs <= now) {
      this.#sum -= this.#amounts[this.#head++] as number
    }
    if (this.#head === 0 || this.#head * 2 < times.length) return
    times.splice(0, this.#head)
    this.#amounts.splice(0, this.#head)
    this.#head = 0
  }

  #find(time: number): number | undefined {
    let low = this.#head
    let high = this.#times.length - 1
    while (low <= high) {
      const middle = (low + high) >>> 1
      const at = this.#times[middle] as number
      if (at === time) return middle
      if (at < time) low = middle + 1
      else high = middle - 1
    }
    return undefined
  }
}
