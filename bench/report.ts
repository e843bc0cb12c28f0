import type { Machine } from './machine.ts'

export type Cell = string | number | undefined

/** Rows with the same keys; the keys are the columns and name their units. */
export interface Table {
  readonly title: string
  readonly note: string
  readonly rows: readonly Readonly<Record<string, Cell>>[]
}

export interface Goal {
  readonly name: string
  readonly goal: string
  /** With its unit; or why there is none. */
  readonly figure: string
  readonly value: number | undefined
  /** Undefined: not measured. */
  readonly met: boolean | undefined
}

/** What one part of the run found. */
export interface Part {
  readonly tables: readonly Table[]
  readonly goals: readonly Goal[]
}

export interface Report {
  readonly date: string
  readonly command: string
  readonly machine: Machine
  readonly versions: Readonly<Record<string, string>>
  readonly goals: readonly Goal[]
  readonly tables: readonly Table[]
  /** Gateways that could not be measured, and why. */
  readonly missing: readonly string[]
}

export const atMost = (name: string, figure: number | undefined, limit: number, unit: string): Goal =>
  compared(name, figure, `≤ ${spelled(limit)} ${unit}`, unit, (found) => found <= limit)

export const atLeast = (name: string, figure: number | undefined, limit: number, unit: string): Goal =>
  compared(name, figure, `≥ ${spelled(limit)} ${unit}`, unit, (found) => found >= limit)

function compared(
  name: string,
  figure: number | undefined,
  goal: string,
  unit: string,
  isMet: (figure: number) => boolean,
): Goal {
  if (figure === undefined || Number.isNaN(figure))
    return { name, goal, figure: 'not measured', value: undefined, met: undefined }
  return { name, goal, figure: `${spelled(figure)} ${unit}`, value: figure, met: isMet(figure) }
}

/** Three digits that count, thousands set apart. */
function spelled(value: Cell): string {
  if (value === undefined) return ''
  if (typeof value === 'string') return value
  const kept = Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3))
  return kept.toLocaleString('en', { maximumFractionDigits: 6 })
}

/** A Markdown table that also reads well in a terminal. */
function tableText(rows: Table['rows']): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const lines = [columns, ...rows.map((row) => columns.map((column) => spelled(row[column])))]
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)))
  const isNumber = columns.map((column) => rows.some((row) => typeof row[column] === 'number'))
  const padded = (line: readonly string[]): string =>
    `| ${line.map((text, i) => (isNumber[i] ? text.padStart(widths[i] ?? 0) : text.padEnd(widths[i] ?? 0))).join(' | ')} |`
  const rule = `|${widths.map((width, i) => (isNumber[i] ? `${'-'.repeat(width + 1)}:` : '-'.repeat(width + 2))).join('|')}|`
  const [head = [], ...body] = lines
  return [padded(head), rule, ...body.map(padded)].join('\n')
}

const verdict = (met: boolean | undefined): string => (met === undefined ? '' : met ? 'met' : '**missed**')

export function markdown(report: Report): string {
  const { machine, versions, goals, tables, missing } = report
  const goalRows = goals.map(({ name, goal, figure, met }) => ({
    figure: name,
    goal,
    measured: figure,
    '': verdict(met),
  }))
  return [
    '# Benchmarks',
    `Measured on ${report.date} with \`${report.command}\`.`,
    `Machine: ${machine.cores} cores (${machine.cpu}), ${machine.memoryGb} GB, ${machine.kernel}; ` +
      `load before the run ${machine.loadBefore}. Everything runs on it: load, gateways, mock upstreams.`,
    `Versions: ${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}.`,
    ...missing,
    '## Goals',
    tableText(goalRows),
    ...tables.flatMap(({ title, note, rows }) => [`## ${title}`, note, tableText(rows)]),
    '',
  ]
    .filter((block, i, blocks) => block !== '' || i === blocks.length - 1)
    .join('\n\n')
    .trimEnd()
    .concat('\n')
}
