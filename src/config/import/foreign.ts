import { LineCounter, parseDocument, type Document } from 'yaml'

import { Failure } from '../../core/failure.ts'
import { pathText, valueAt, type Path } from '../path.ts'

/** What of another program’s config is not in ours as it was there. */
export interface Note {
  /** left: it has no counterpart. changed: it is there, and something is to be known or done about it. */
  readonly kind: 'left' | 'changed'
  /** Where it stands in the other config; 0: nowhere. */
  readonly line: number
  readonly path: string
  /** Never a value that may be a secret. */
  readonly text: string
}

/** Another program’s YAML. It knows what was taken out of it: the rest is named, so that nothing is lost in silence. */
export class Foreign {
  readonly value: unknown
  readonly notes: Note[] = []
  readonly #document: Document
  readonly #lines = new LineCounter()
  readonly #taken = new Set<string>()

  /** Throws `Failure('file_unfit')`, without a word of the file. */
  constructor(text: string) {
    try {
      const document: Document = parseDocument(text, {
        lineCounter: this.#lines,
        prettyErrors: false,
        logLevel: 'silent',
        uniqueKeys: false,
        merge: true,
      })
      const [error] = document.errors
      if (error !== undefined) {
        throw new Failure('file_unfit', `It is not YAML, in line ${this.#lines.linePos(error.pos[0]).line}.`)
      }
      this.#document = document
      this.value = document.toJS()
    } catch (thrown) {
      if (thrown instanceof Failure) throw thrown
      throw new Failure('file_unfit', 'It refers to itself too often, or is nested too deeply.')
    }
  }

  at(path: Path): unknown {
    return valueAt(this.value, path)
  }

  /** What stands there, which is in our config now. */
  take(path: Path): unknown {
    this.#taken.add(pathText(path))
    return this.at(path)
  }

  /** It is in our config, and this is to be known of it. */
  changed(path: Path, text: string): void {
    this.notes.push({ kind: 'changed', line: this.#line(path), path: pathText(path), text })
  }

  /** It is not in our config, for this reason; nothing more is said of what stands below it. */
  leave(path: Path, text: string): void {
    this.#taken.add(pathText(path))
    this.notes.push({ kind: 'left', line: this.#line(path), path: pathText(path), text })
  }

  /** Names all that nobody took; `reason` says why, by its path. In the order of the file. */
  finish(reason: (path: Path) => string): readonly Note[] {
    for (const path of this.#leaves(this.value, [])) this.leave(path, reason(path))
    return this.notes.toSorted((one, other) => one.line - other.line)
  }

  *#leaves(value: unknown, path: Path): Generator<Path> {
    if (this.#taken.has(pathText(path)) || value === null || value === undefined) return
    const items: readonly (readonly [string | number, unknown])[] = Array.isArray(value)
      ? [...value.entries()]
      : typeof value === 'object'
        ? Object.entries(value)
        : []
    if (items.length === 0) yield path
    for (const [step, item] of items) yield* this.#leaves(item, [...path, step])
  }

  /** Of the value, else of the nearest thing around it. */
  #line(path: Path): number {
    for (let length = path.length; length > 0; length -= 1) {
      const node: unknown = this.#nodeAt(path.slice(0, length))
      const [start] = (node as { readonly range?: readonly number[] } | undefined)?.range ?? []
      if (start !== undefined) return this.#lines.linePos(start).line
    }
    return 0
  }

  #nodeAt(path: Path): unknown {
    try {
      return this.#document.getIn(path, true)
    } catch {
      return undefined
    }
  }
}
