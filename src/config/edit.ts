import { Document, isMap, isScalar, isSeq, LineCounter, parseDocument, YAMLMap, type Pair } from 'yaml'

import { Failure } from '../core/failure.ts'
import { hidePlaceholders, showPlaceholders } from './placeholders.ts'

export type Section = 'backends' | 'models'

/** Plain values, as YAML has them. */
export type Row = Readonly<Record<string, unknown>>

/**
 * The text of a config with a row more, at the end of its section. What is not touched keeps its bytes: only a section
 * that cannot be added to in place has the file printed anew, with its comments. Throws `Failure('file_unfit')`.
 */
export function withRow(text: string, section: Section, name: string, row: Row): string {
  const tree = treeOf(text)
  const before = tree[section] ?? {}
  const wanted = { ...tree, [section]: { ...before, [name]: row } }
  return edited(text, wanted, [section, name], row, (document, hidden) => {
    const map = sectionIn(document, section)
    const line = lineOf(name, row)
    if (document.contents !== null && !isBlock(document.contents)) return undefined
    if (!document.has(section)) return `${ended(hidden)}${section}:\n  ${line}\n`
    if (map === undefined) return undefined
    const [, close = 0] = map.range ?? []
    if (map.flow === true) {
      const open = hidden.slice(0, close - 1).trimEnd()
      return `${open}${map.items.length === 0 || open.endsWith(',') ? '' : ','} ${line} ${hidden.slice(close - 1)}`
    }
    const [first] = map.items
    const at = lineEnd(ended(hidden), close)
    const indent = first === undefined ? '' : indentOf(hidden, first)
    return `${ended(hidden).slice(0, at)}${indent}${line}\n${ended(hidden).slice(at)}`
  })
}

/** The text of a config without a row; the comments around it stay. Throws `Failure('file_unfit')`. */
export function withoutRow(text: string, section: Section, name: string): string {
  const tree = treeOf(text)
  const { [name]: _, ...rest } = (tree[section] ?? {}) as Record<string, unknown>
  return edited(text, { ...tree, [section]: rest }, [section, name], undefined, (document, hidden) => {
    const map = sectionIn(document, section)
    const pair = map?.items.find(({ key }) => nameIn(key) === name)
    if (map === undefined || pair === undefined || map.flow === true || map.items.length === 1)
      return undefined
    const [, end] = rangeOf(pair.value) ?? rangeOf(pair.key) ?? []
    const from = hidden.lastIndexOf('\n', startOf(pair)) + 1
    return end === undefined ? undefined : hidden.slice(0, from) + hidden.slice(lineEnd(ended(hidden), end))
  })
}

/** The text of a config in which a row of `models` leads to these rows. Throws `Failure('file_unfit')`. */
export function withRoute(text: string, name: string, route: readonly string[]): string {
  const tree = treeOf(text)
  const models = (tree['models'] ?? {}) as Record<string, object>
  const wanted = { ...tree, models: { ...models, [name]: { ...models[name], route } } }
  return edited(text, wanted, ['models', name, 'route'], route, (document, hidden) => {
    const [from, to] = rangeOf(document.getIn(['models', name, 'route'], true)) ?? []
    if (from === undefined || to === undefined) return undefined
    const list = new Document([...route])
    const node = list.contents
    if (isSeq(node)) node.flow = true
    const isLast = hidden[to - 1] === '\n'
    return `${hidden.slice(0, from)}${list.toString(printing).trimEnd()}${isLast ? '\n' : ''}${hidden.slice(to)}`
  })
}

type Change = (document: Document, hidden: string) => string | undefined

/** In place where that says what is wanted, else printed anew. */
function edited(text: string, wanted: Row, path: readonly string[], value: unknown, inPlace: Change): string {
  const hidden = hidePlaceholders(text)
  const placed = inPlace(documentOf(hidden), hidden)
  if (placed !== undefined) {
    const shown = showPlaceholders(placed)
    if (says(shown, wanted)) return shown
  }
  const document = documentOf(hidden)
  if (document.contents === null) document.contents = new YAMLMap() as typeof document.contents & YAMLMap
  const [section] = path
  // A key without a value counts as left out.
  if (document.has(section) && !isMap(document.get(section, true))) document.set(section, new YAMLMap())
  if (value === undefined) document.deleteIn(path)
  else document.setIn(path, document.createNode(hiddenIn(value)))
  const printed = showPlaceholders(document.toString(printing))
  if (says(printed, wanted)) return printed
  throw new Failure('file_unfit', 'The config is written in a way that cannot be added to.')
}

const printing = { lineWidth: 0 } as const

const documentOf = (hidden: string): Document => {
  const document = parseDocument(hidden, {
    prettyErrors: false,
    logLevel: 'silent',
    lineCounter: new LineCounter(),
  })
  // Not its words: they may quote a secret.
  if (document.errors.length > 0) throw new Failure('file_unfit', 'The config is not YAML.')
  return document
}

const treeOf = (text: string): Row => {
  try {
    return (documentOf(hidePlaceholders(text)).toJS() ?? {}) as Row
  } catch (thrown) {
    if (thrown instanceof Failure) throw thrown
    throw new Failure('file_unfit', 'The config refers to itself too often.')
  }
}

const says = (text: string, wanted: Row): boolean => {
  try {
    return Bun.deepEquals(treeOf(text), hiddenIn(wanted), true)
  } catch {
    return false
  }
}

/** Values as they are while placeholders are hidden. */
export const hiddenIn = (value: unknown): unknown => {
  if (typeof value === 'string') return hidePlaceholders(value)
  if (Array.isArray(value)) return value.map(hiddenIn)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, hiddenIn(item)]))
}

/** `name: { kind: vllm, url: … }` */
const lineOf = (name: string, row: Row): string => {
  const document = new Document({ [name]: hiddenIn(row) })
  const node = document.get(name, true)
  if (isMap(node)) node.flow = true
  return document.toString(printing).trimEnd()
}

const sectionIn = (document: Document, section: Section): YAMLMap | undefined => {
  const map = document.get(section, true)
  return isMap(map) ? map : undefined
}

const isBlock = (contents: unknown): boolean => isMap(contents) && contents.flow !== true
const nameIn = (key: unknown): string | undefined => (isScalar(key) ? String(key.value) : undefined)
const rangeOf = (node: unknown): readonly number[] | undefined =>
  (node as { readonly range?: readonly number[] | null } | null | undefined)?.range ?? undefined
const startOf = (pair: Pair): number => rangeOf(pair.key)?.[0] ?? 0
const ended = (text: string): string => (text === '' || text.endsWith('\n') ? text : `${text}\n`)
const lineEnd = (text: string, at: number): number =>
  text[at - 1] === '\n' ? at : text.indexOf('\n', at) + 1 || text.length
const indentOf = (text: string, pair: Pair): string => {
  const start = startOf(pair)
  return text.slice(text.lastIndexOf('\n', start - 1) + 1, start)
}
