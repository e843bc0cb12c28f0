import type { Edit, JsonText, Splice } from '../../core/json.ts'
import type { Work } from '../../core/turns.ts'

/** A body on its way out: what it is, and what will be changed in it. */
export class Draft {
  readonly body: JsonText
  readonly warnings: string[]
  /** Most bodies go out as they came: made with the first change. */
  #edits: Map<string, Edit> | undefined
  readonly #splices: Splice[] = []

  constructor(body: JsonText, warnings: Iterable<string> = []) {
    this.body = body
    this.warnings = [...warnings]
  }

  /** The value of a field after the changes so far; null counts as absent, as it does in these dialects. */
  get(field: string): unknown {
    const edit = this.#edits?.get(field)
    return (edit === undefined ? this.body.get(field) : edit.value) ?? undefined
  }

  set(field: string, value: unknown): void {
    this.#change(field, { path: [field], value })
  }

  /** Sets a field of an object; where there is no such object it is made. */
  setIn(field: string, inner: string, value: unknown): void {
    this.#change(`${field} ${inner}`, { path: [field, inner], value })
  }

  setDefault(field: string, value: unknown): void {
    if (value !== undefined && !this.#says(field)) this.set(field, value)
  }

  /** Takes a field out. */
  remove(field: string): void {
    if (this.body.has(field) || this.#edits?.has(field) === true) this.set(field, undefined)
  }

  /** Takes a field out and tells the client. */
  drop(field: string): void {
    if (!this.#says(field)) return
    this.remove(field)
    this.warnings.push(field)
  }

  splice(splice: Splice): void {
    this.#splices.push(splice)
  }

  get isChanged(): boolean {
    return this.#edits !== undefined || this.#splices.length > 0
  }

  bytes(): Work<Uint8Array> {
    return this.body.editing(this.#edits === undefined ? [] : [...this.#edits.values()], this.#splices)
  }

  /** As `get` would find, without decoding what is long. */
  #says(field: string): boolean {
    const edit = this.#edits?.get(field)
    const type = this.body.typeOf(field)
    return edit === undefined
      ? type !== undefined && type !== 'null'
      : (edit.value ?? undefined) !== undefined
  }

  #change(name: string, edit: Edit): void {
    this.#edits ??= new Map()
    this.#edits.set(name, edit)
  }
}
