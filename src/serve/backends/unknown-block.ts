/** A block of a kind that there is no word for, put together again from its deltas. */
export class UnknownBlock {
  readonly #block: Record<string, unknown>
  #input = ''

  constructor(block: object) {
    this.#block = { ...block }
  }

  /** Texts are appended to the field of their name; what is no text is listed under its name. */
  add(delta: object): void {
    for (const [key, value] of Object.entries(delta as Readonly<Record<string, unknown>>)) {
      if (key === 'type') continue
      const before = this.#block[key]
      if (key === 'partial_json') this.#input += String(value)
      else if (typeof value === 'string')
        this.#block[key] = (typeof before === 'string' ? before : '') + value
      else this.#block[key] = [...(Array.isArray(before) ? (before as unknown[]) : []), value]
    }
  }

  value(): unknown {
    return this.#input === '' ? this.#block : { ...this.#block, input: inputOf(this.#input) }
  }
}

/** An input that was cut stays text. */
function inputOf(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return json
  }
}
