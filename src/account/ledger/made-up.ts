/** Different texts of one key that are written out in a day; what comes beyond is written under one name. */
const mostADay = 1_000

/**
 * Texts that clients make up: names under a wildcard row, tags. Each would leave a series and sums of its days behind,
 * for ever, so a key may bring only so many a day. By key: nobody can use up another one's. Counted in this process
 * alone, from its start.
 */
export class MadeUp {
  #day = 0
  readonly #ofKey = new Map<string, Set<string>>()

  /** The text, or `rest` where this key has brought too many others on this day. */
  textOr(rest: string, text: string, key: string, day: number): string {
    if (day !== this.#day) {
      this.#ofKey.clear()
      this.#day = day
    }
    let known = this.#ofKey.get(key)
    if (known === undefined) this.#ofKey.set(key, (known = new Set()))
    if (known.has(text)) return text
    if (known.size >= mostADay) return rest
    known.add(text)
    return text
  }
}
