import { isObject } from '../core/is-object.ts'
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml'
import type { ErrorCode, Node, Scalar } from 'yaml'

import { pathText } from './path.ts'
import type { Path } from './path.ts'
import { fillPlaceholders, hasHidden, hidePlaceholders, showPlaceholders } from './placeholders.ts'
import type { PlaceholderWorld } from './placeholders.ts'
import { isSecret } from './secrets.ts'

export interface Position {
  readonly line: number
  readonly column: number
}

/** A YAML file as plain values, and where each of them stands. */
export interface Tree {
  readonly value: Readonly<Record<string, unknown>>
  /** By the text of the path: where a key (or list entry) stands. */
  readonly positions: ReadonlyMap<string, Position>
  /** By the text of the path: what was written where a placeholder was filled in. */
  readonly written: ReadonlyMap<string, string>
  readonly mistakes: readonly Mistake[]
}

export interface Mistake extends Position {
  readonly path: string
  readonly text: string
}

const maxValues = 100_000
const maxDepth = 32
const maxMistakes = 20

/** Never throws: what cannot be read is a mistake with its place. A key without a value counts as left out. */
export function readYaml(text: string, world: PlaceholderWorld): Tree {
  const start = { line: 1, column: 1 }
  if (hasHidden(text))
    return failed({ ...start, path: '', text: 'contains a code point that no text may contain' })
  const lines = new LineCounter()
  // Messages of the parser may quote the file, and so a secret: we take their codes, not their words.
  const document = parseDocument(hidePlaceholders(text), {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    logLevel: 'silent',
  })
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }
  const faults = [...document.errors, ...document.warnings]
  if (faults.length > 0) {
    // One mistake may be told once for each bracket that it leaves open.
    const told = [...new Map(faults.map((fault) => [`${fault.code} ${fault.pos[0]}`, fault])).values()].slice(
      0,
      maxMistakes,
    )
    return failed(
      ...told.map(({ code, pos }) => Object.assign(at(pos[0]), { path: '', text: faultText(code) })),
    )
  }
  const reader = new Reader(world, at)
  const value = document.contents === null ? {} : reader.read(document.contents, [], 0)
  if (!isObject(value)) return failed({ ...start, path: '', text: 'does not consist of `key: value` lines' })
  const { positions, written, mistakes } = reader
  return { value, positions, written, mistakes }
}

const failed = (...mistakes: Mistake[]): Tree => ({
  value: {},
  positions: new Map(),
  written: new Map(),
  mistakes,
})

class Reader {
  readonly positions = new Map<string, Position>()
  readonly written = new Map<string, string>()
  readonly mistakes: Mistake[] = []
  readonly #anchors = new Map<string, unknown>()
  readonly #world: PlaceholderWorld
  readonly #at: (offset: number) => Position
  #values = 0

  constructor(world: PlaceholderWorld, at: (offset: number) => Position) {
    this.#world = world
    this.#at = at
  }

  read(node: unknown, path: Path, offset: number): unknown {
    this.#values++
    if (this.#values > maxValues || path.length > maxDepth) {
      if (this.#values !== Infinity) this.#mistake([], offset, 'is too large: too many values, or too deep')
      // Nothing is read any more: aliases may stand for far more than the file holds.
      this.#values = Infinity
      return undefined
    }
    if (isAlias(node)) {
      const meant = this.#anchors.get(node.source)
      if (meant === undefined) this.#mistake(path, offset, 'refers to an anchor that is not there')
      return this.read(meant, path, offset)
    }
    const { anchor } = (node ?? {}) as { anchor?: string }
    if (anchor !== undefined) this.#anchors.set(anchor, node)
    if (isScalar(node)) return this.#scalar(node, path, offset)
    if (isSeq(node)) return node.items.map((item, index) => this.#entry(item, [...path, index], offset))
    if (isMap(node)) return this.#map(node.items, path, offset)
    return undefined
  }

  #map(
    pairs: readonly { key: unknown; value: unknown }[],
    path: Path,
    offset: number,
  ): Record<string, unknown> {
    const made: Record<string, unknown> = {}
    for (const { key, value } of pairs) {
      const keyAt = offsetOf(key) ?? offset
      const name = isScalar(key) ? showPlaceholders(key.source ?? String(key.value)) : undefined
      if (name === undefined || name === '__proto__' || name.includes('${')) {
        this.#mistake(path, keyAt, 'has a key that is no plain name')
      } else if (Object.hasOwn(made, name)) {
        this.#mistake([...path, name], keyAt, 'stands here twice')
      } else {
        const read = this.#entry(value, [...path, name], keyAt)
        if (read !== null && read !== undefined) made[name] = read
      }
    }
    return made
  }

  #entry(node: unknown, path: Path, offset: number): unknown {
    const at = typeof path.at(-1) === 'number' ? (offsetOf(node) ?? offset) : offset
    this.positions.set(pathText(path), this.#at(at))
    return this.read(node, path, at)
  }

  #scalar({ value }: Scalar, path: Path, offset: number): unknown {
    if (typeof value !== 'string' || !hasHidden(value)) return value
    const written = showPlaceholders(value)
    const isLeft = !this.#world.readsSecrets && isSecret(path)
    const filled = isLeft ? { value: written } : fillPlaceholders(value, this.#world)
    if ('wrong' in filled) this.#mistake(path, offset, filled.wrong)
    else this.written.set(pathText(path), written)
    return 'wrong' in filled ? written : filled.value
  }

  #mistake(path: Path, offset: number, text: string): void {
    if (this.mistakes.length < maxMistakes)
      this.mistakes.push({ ...this.#at(offset), path: pathText(path), text })
  }
}

const offsetOf = (node: unknown): number | undefined => (node as Node | null | undefined)?.range?.[0]

/** In our words, for people who do not know YAML's. */
function faultText(code: ErrorCode): string {
  switch (code) {
    case 'TAB_AS_INDENT':
      return 'is indented with a tab: use spaces'
    case 'BAD_INDENT':
    case 'BLOCK_IN_FLOW':
      return 'is not indented like its neighbours, or a bracket is not closed'
    case 'MISSING_CHAR':
      return 'lacks a character: a quote, comma, colon or bracket'
    case 'BLOCK_AS_IMPLICIT_KEY':
    case 'MULTILINE_IMPLICIT_KEY':
      return 'has more than one `key:` in a line: put text with a colon in quotes'
    case 'BAD_SCALAR_START':
      return 'begins with a character that has a meaning of its own: put the text in quotes'
    case 'BAD_DQ_ESCAPE':
      return 'has an unknown \\ escape: use single quotes'
    case 'MULTIPLE_DOCS':
      return 'begins a second document: there may be one'
    case 'TAG_RESOLVE_FAILED':
      return 'has a tag (!): there are none here'
    case 'RESOURCE_EXHAUSTION':
      return 'is nested too deeply'
    default:
      return 'is not YAML'
  }
}
