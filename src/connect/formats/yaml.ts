import { isMap, isSeq, parseDocument, stringify, type Document } from 'yaml'

import type { Format, Json, Step } from './format.ts'

/** YAML. What is added is put in between; only what replaces something has the file printed anew. */
export const yaml: Format = {
  read: (text) => (text.trim() === '' ? undefined : (documentOf(text).toJS() ?? undefined)),
  set: (text, path, value) =>
    appended(text, path, value) ?? printed(text, (document) => document.setIn(path, value)),
  remove: (text, path) => printed(text, (document) => document.deleteIn(path)),
}

const documentOf = (text: string): Document => {
  const document = parseDocument(text)
  const [error] = document.errors
  if (error !== undefined) throw new Error(error.message.split('\n')[0])
  return document
}

/** A new key at the end of the file, or a new element at the end of a list in block style. */
const appended = (text: string, path: readonly Step[], value: Json): string | undefined => {
  const document = documentOf(text)
  const ended = text === '' || text.endsWith('\n') ? text : `${text}\n`
  const [name] = path
  const isFlow = isMap(document.contents) && document.contents.flow === true
  if (path.length === 1 && !isFlow && !document.has(name))
    return `${ended}${stringify({ [String(name)]: value }, options)}`
  const list: unknown = document.getIn(path.slice(0, -1), true)
  if (!isSeq(list) || list.flow === true || typeof path.at(-1) !== 'number') return undefined
  const last = list.items.at(-1) as { readonly range?: readonly number[] } | undefined
  const [from, to] = last?.range ?? []
  if (from === undefined || to === undefined) return undefined
  const dash = text.lastIndexOf('-', from)
  const indent = text.slice(text.lastIndexOf('\n', dash) + 1, dash)
  const lineEnd = text[to - 1] === '\n' ? to : ended.indexOf('\n', to) + 1
  if (indent.trim() !== '') return undefined
  const item = stringify([value], options).replaceAll(/^(?=.)/gm, indent)
  return `${ended.slice(0, lineEnd)}${item}${ended.slice(lineEnd)}`
}

const printed = (text: string, change: (document: Document) => unknown): string => {
  const document = documentOf(text)
  change(document)
  // Lists stand as far in as the file has them already.
  return document.toString({ ...options, indentSeq: !/^(\s*)[\w-]+:\s*\n\1- /m.test(text) })
}

const options = { lineWidth: 0 } as const
