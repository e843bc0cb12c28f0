import type { Work } from './turns.ts'

/** Text that is gathered before it becomes bytes, in UTF-16 units. */
const pieceLength = 32 * 1024
/** What the engine prints in one go: so many values, so deep. A text counts once more for every 256 characters. */
const mostValues = 128
const deepest = 6

const encoder = new TextEncoder()

/** JSON text that is written piece by piece, as bytes. */
export class Printer {
  readonly #pieces: Uint8Array[] = []
  #text = ''
  #length = 0

  /** Bytes so far. */
  get length(): number {
    this.#flush()
    return this.#length
  }

  write(text: string): void {
    this.#text += text
    if (this.#text.length >= pieceLength) this.#flush()
  }

  /** Writes what JSON.stringify makes of a value that is made of JSON's own; undefined members are left out. */
  *value(value: unknown): Work<void> {
    if (isSmall(value)) this.write(JSON.stringify(value))
    else if (Array.isArray(value)) yield* this.#list(value)
    else if (typeof value === 'string') yield* this.#string(value)
    else yield* this.#object(value as Readonly<Record<string, unknown>>)
    yield
  }

  bytes(): Uint8Array {
    this.#flush()
    const [only] = this.#pieces
    return this.#pieces.length === 1 && only !== undefined ? only : Buffer.concat(this.#pieces)
  }

  *#list(list: readonly unknown[]): Work<void> {
    let before = '['
    for (const item of list) {
      this.write(before)
      before = ','
      yield* this.value(item ?? null)
    }
    this.write(']')
  }

  *#object(object: Readonly<Record<string, unknown>>): Work<void> {
    let before = '{'
    for (const key in object) {
      if (object[key] === undefined) continue
      this.write(`${before}${JSON.stringify(key)}:`)
      before = ','
      yield* this.value(object[key])
    }
    this.write(before === '{' ? '{}' : '}')
  }

  *#string(text: string): Work<void> {
    this.write('"')
    for (let from = 0, to = 0; from < text.length; from = to) {
      to = Math.min(from + pieceLength, text.length)
      // The two halves of a character stay together.
      if ((text.codePointAt(to - 1) ?? 0) > 0xffff) to++
      this.write(JSON.stringify(text.slice(from, to)).slice(1, -1))
      yield
    }
    this.write('"')
  }

  #flush(): void {
    if (this.#text === '') return
    const bytes = encoder.encode(this.#text)
    this.#pieces.push(bytes)
    this.#length += bytes.length
    this.#text = ''
  }
}

/** It is printed in one go. */
export const isSmall = (value: unknown): boolean => left(value, mostValues, deepest) >= 0

/** What is left of a budget of values when this one is taken out of it; negative when it is too large or too deep. */
function left(value: unknown, budget: number, depth: number): number {
  if (typeof value === 'string') return budget - 1 - value.length / 256
  if (typeof value !== 'object' || value === null) return budget - 1
  if (depth === 0) return -1
  let rest = budget - 1
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length && rest >= 0; at++) rest = left(value[at], rest, depth - 1)
    return rest
  }
  for (const key in value) {
    rest = left((value as Readonly<Record<string, unknown>>)[key], rest, depth - 1)
    if (rest < 0) break
  }
  return rest
}
