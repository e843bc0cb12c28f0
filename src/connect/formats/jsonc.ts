import {
  findNodeAtLocation,
  parse,
  parseTree,
  printParseErrorCode,
  type Node,
  type ParseError,
} from 'jsonc-parser'

import type { Format, Json, Step } from './format.ts'

/** JSON as editors take it: with comments and trailing commas. Edits touch no line but their own. */
export const jsonc: Format = {
  read: (text) => {
    if (text.trim() === '') return undefined
    const errors: ParseError[] = []
    const value: unknown = parse(text, errors, { allowTrailingComma: true })
    const [error] = errors
    if (error === undefined) return value
    throw new Error(`${printParseErrorCode(error.error)} at character ${error.offset}`)
  },
  set: (text, path, value) => {
    const root = parseTree(text)
    if (root === undefined) return `${text}${JSON.stringify(wrapped(path, value), undefined, 2)}\n`
    let known = path.length
    while (known > 0 && findNodeAtLocation(root, path.slice(0, known)) === undefined) known -= 1
    const node = nodeAt(root, path.slice(0, known))
    const [step, ...rest] = path.slice(known)
    if (step === undefined)
      return spliced(text, node.offset, endOf(node), printed(text, value, indentAt(text, node.offset)))
    return inserted(text, node, step, wrapped(rest, value))
  },
  remove: (text, path) => {
    const root = parseTree(text)
    const value = root && findNodeAtLocation(root, [...path])
    return value === undefined
      ? text
      : removed(text, typeof path.at(-1) === 'number' ? value : (value.parent ?? value))
  },
}

const wrapped = (path: readonly Step[], value: Json): Json =>
  path.reduceRight<Json>((inner, step) => (typeof step === 'number' ? [inner] : { [step]: inner }), value)

const nodeAt = (root: Node, path: readonly Step[]): Node => findNodeAtLocation(root, [...path]) ?? root

const endOf = ({ offset, length }: Node): number => offset + length

const spliced = (text: string, from: number, to: number, piece: string): string =>
  text.slice(0, from) + piece + text.slice(to)

/** One more member, behind the last line of its object or list. */
const inserted = (text: string, holder: Node, step: Step, value: Json): string => {
  const close = endOf(holder) - 1
  const outer = indentAt(text, holder.offset)
  const indent = outer + unitOf(text)
  const name = typeof step === 'number' ? '' : `${JSON.stringify(step)}: `
  const last = holder.children?.at(-1)
  const hasComma = last !== undefined && commaAfter(text, endOf(last), close) !== undefined
  const body = text.slice(0, close).trimEnd().length
  const isClosedApart = text.slice(body, close).includes('\n')
  const member = `${lineEnd(text)}${indent}${name}${printed(text, value, indent)}${hasComma ? ',' : ''}`
  const more = spliced(text, body, body, isClosedApart ? member : member + lineEnd(text) + outer)
  return last === undefined || hasComma ? more : spliced(more, endOf(last), endOf(last), ',')
}

/** The member with its comma, and its lines where nothing else stands on them. */
const removed = (text: string, member: Node): string => {
  const siblings = member.parent?.children ?? []
  const before = siblings[siblings.indexOf(member) - 1]
  const close = member.parent === undefined ? text.length : endOf(member.parent) - 1
  const comma = commaAfter(text, endOf(member), close)
  const [from, to] = [member.offset, comma === undefined ? endOf(member) : comma + 1]
  const start = text.lastIndexOf('\n', from - 1)
  const end = text.indexOf('\n', to)
  const isAlone = text.slice(start, from).trim() === '' && end !== -1 && text.slice(to, end).trim() === ''
  const without = isAlone && start !== -1 ? spliced(text, start, end, '') : spliced(text, from, to, '')
  const left = before === undefined || comma !== undefined ? undefined : commaAfter(text, endOf(before), from)
  return left === undefined ? without : spliced(without, left, left + 1, '')
}

/** Where the next comma is, past blanks and comments. */
const commaAfter = (text: string, from: number, to: number): number | undefined => {
  const [gap = ''] = /^(?:\s|\/\/[^\n]*\n|\/\*[^]*?\*\/)*/.exec(text.slice(from, to)) ?? []
  return text[from + gap.length] === ',' && from + gap.length < to ? from + gap.length : undefined
}

const printed = (text: string, value: Json, indent: string): string =>
  JSON.stringify(value, undefined, unitOf(text)).replaceAll('\n', lineEnd(text) + indent)

const lineEnd = (text: string): string => (text.includes('\r\n') ? '\r\n' : '\n')

/** As the file indents already. */
const unitOf = (text: string): string => /\n([ \t]+)"/.exec(text)?.[1] ?? '  '

const indentAt = (text: string, offset: number): string =>
  /^[ \t]*/.exec(text.slice(text.lastIndexOf('\n', offset - 1) + 1))?.[0] ?? ''
