import { parse, stringify } from 'smol-toml'

import type { Format, Json, Step } from './format.ts'

/**
 * TOML, edited by lines: a path of one name is a key before the first table; a longer one is a whole `[table]`, with
 * what is below it. What comes of an edit is read again by `applySettings`, so that a file that is written in a way
 * unknown here is refused, not broken.
 */
export const toml: Format = {
  read: (text) => (text.trim() === '' ? undefined : parse(text)),
  set: (text, path, value) => (path.length === 1 ? setKey(text, path, value) : setTable(text, path, value)),
  remove: (text, path) => {
    const lines = text.split('\n')
    const key = path.length === 1 ? keyAt(lines, path) : nowhere
    const { from, to } = key.from === key.to ? tableAt(lines, path) : key
    if (from === to) return text
    // With the blank line that set it apart.
    const start = lines[from - 1] === '' && (lines[to] ?? '') === '' ? from - 1 : from
    lines.splice(start, to - start)
    return lines.join('\n')
  },
}

const setKey = (text: string, path: readonly Step[], value: Json): string => {
  const lines = text.split('\n')
  const line = stringify({ [String(path[0])]: value }).trimEnd()
  const { from, to } = keyAt(lines, path)
  if (from !== to) lines.splice(from, 1, line)
  else {
    const end = rootEnd(lines)
    // Behind the last key that there is, in front of the blank lines that set the tables apart.
    let at = end
    while (at > 0 && (lines[at - 1] ?? '').trim() === '') at -= 1
    const isBeforeTable = at === end && end < lines.length
    lines.splice(at, 0, ...(isBeforeTable ? [line, ''] : [line]))
  }
  return ended(lines.join('\n'))
}

const setTable = (text: string, path: readonly Step[], value: Json): string => {
  const lines = text.split('\n')
  const nested = path.reduceRight<Json>((inner, name) => ({ [String(name)]: inner }), value)
  const block = stringify(nested as Record<string, unknown>)
    .split('\n')
    .filter((line) => line !== '')
  // `[a]` above `[a.b]` is said without it, and might stand in the file already.
  const own = block.slice(block.findIndex((line) => namesIn(line)?.length === path.length))
  const { from, to } = tableAt(lines, path)
  if (from !== to) lines.splice(from, to - from, ...own)
  else {
    while (lines.at(-1) === '') lines.pop()
    lines.push(...(lines.length === 0 ? [] : ['']), ...own)
  }
  return ended(lines.join('\n'))
}

interface Range {
  readonly from: number
  /** Exclusive; the same as `from` where there is nothing. */
  readonly to: number
}

const nowhere: Range = { from: 0, to: 0 }

const rootEnd = (lines: readonly string[]): number => {
  const first = lines.findIndex((line) => /^\s*\[/.test(line))
  return first === -1 ? lines.length : first
}

const keyAt = (lines: readonly string[], [name]: readonly Step[]): Range => {
  const from = lines
    .slice(0, rootEnd(lines))
    .findIndex((line) => new RegExp(`^\\s*["']?${RegExp.escape(String(name))}["']?\\s*=`).test(line))
  return from === -1 ? nowhere : { from, to: from + 1 }
}

/** The table with those below it, without the blank lines behind them. */
const tableAt = (lines: readonly string[], path: readonly Step[]): Range => {
  const isOurs = (names: readonly string[]): boolean => path.every((name, at) => names[at] === String(name))
  const from = lines.findIndex((line) => isOurs(namesIn(line) ?? []))
  if (from === -1) return nowhere
  let to = from + 1
  for (let at = to; at < lines.length; at += 1) {
    const names = namesIn(lines[at] ?? '')
    if (names !== undefined && !isOurs(names)) break
    if ((lines[at] ?? '').trim() !== '' && !(lines[at] ?? '').trimStart().startsWith('#')) to = at + 1
  }
  return { from, to }
}

/** Of a line that begins a table: `[a."b.c"]` → a, b.c */
const namesIn = (line: string): readonly string[] | undefined => {
  const [, inside] = /^\s*\[([^[\]]+)\]\s*(#.*)?$/.exec(line) ?? []
  return inside?.match(/"[^"]*"|'[^']*'|[^.\s]+/g)?.map((name) => name.replace(/^(["'])(.*)\1$/, '$2'))
}

const ended = (text: string): string => (text.endsWith('\n') ? text : `${text}\n`)
