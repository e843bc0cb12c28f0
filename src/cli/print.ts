/** Colours and weights of a terminal; plain text where there is none. */
export type Paint = Readonly<
  Record<'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan', (text: string) => string>
>

const codes = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const

export const paintFor = (
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>> = process.env,
): Paint => {
  const isOn = stream.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb'
  const style =
    ([on, off]: readonly [number, number]) =>
    (text: string): string =>
      isOn ? `\u001B[${on}m${text}\u001B[${off}m` : text
  return {
    bold: style(codes.bold),
    dim: style(codes.dim),
    red: style(codes.red),
    green: style(codes.green),
    yellow: style(codes.yellow),
    cyan: style(codes.cyan),
  }
}

/** `1.2 GB`, as disks and downloads are sold: powers of a thousand. */
export const bytesText = (bytes: number): string => scaled(bytes, 1000, ['B', 'kB', 'MB', 'GB', 'TB', 'PB'])

/** `24 GiB`, as memory is sold: powers of 1024. */
export const memoryText = (bytes: number): string => scaled(bytes, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB'])

const scaled = (value: number, step: number, units: readonly string[]): string => {
  let rest = value
  let at = 0
  // What would be rounded up to a whole step already belongs to the next unit.
  while (Math.round(rest * 10) / 10 >= step && at < units.length - 1) {
    rest /= step
    at += 1
  }
  const digits = at === 0 || rest >= 99.95 || Number.isInteger(Math.round(rest * 10) / 10) ? 0 : 1
  return `${rest.toFixed(digits)} ${units[at] ?? ''}`
}

/** `0.4 ms`, `350 ms`, `1.2 s`, `2 min 5 s`, `3 h 4 min`, `2 d 1 h`. */
export const durationText = (ms: number): string => {
  if (ms < 9.95) return `${ms.toFixed(1)} ms`
  if (ms < 999.5) return `${Math.round(ms)} ms`
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  for (const [unit, size, next, nextSize] of longUnits) {
    if (seconds < size) continue
    const rest = Math.floor((seconds % size) / nextSize)
    return `${Math.floor(seconds / size)} ${unit}${rest === 0 ? '' : ` ${rest} ${next}`}`
  }
  return `${seconds} s`
}

const longUnits = [
  ['d', 86_400, 'h', 3600],
  ['h', 3600, 'min', 60],
  ['min', 60, 's', 1],
] as const

/** `12,345` */
export const countText = (value: number): string => value.toLocaleString('en-US')

/** `2026-11-21 14:05`, in the zone of whoever reads it. */
export const momentText = (at: number): string => {
  const two = (value: number): string => String(value).padStart(2, '0')
  const date = new Date(at)
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`
}

/** `2026-11-21 14:05:09` */
export const secondText = (at: number): string =>
  `${momentText(at)}:${String(new Date(at).getSeconds()).padStart(2, '0')}`

/** `1 request`, `2,000 requests` */
export const countedText = (value: number, one: string): string =>
  `${countText(value)} ${value === 1 ? one : `${one}s`}`

export interface Column<Row> {
  readonly title: string
  /** Figures stand to the right. */
  readonly align?: 'right'
  readonly cell: (row: Row) => string
}

/** Columns as wide as their widest cell; a column in which nothing stands is left out. Ends with a line break. */
export const table = <Row>(columns: readonly Column<Row>[], rows: readonly Row[], paint: Paint): string => {
  const filled = columns
    .map((column) => ({ ...column, cells: rows.map((row) => column.cell(row)) }))
    .filter(({ cells }) => cells.some((cell) => cell !== ''))
  const widths = filled.map(({ title, cells }) =>
    Math.max(...[title, ...cells].map((cell) => Bun.stringWidth(cell))),
  )
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, at) => pad(cell, widths[at] ?? 0, filled[at]?.align))
      .join('  ')
      .trimEnd()
  const head = paint.dim(line(filled.map(({ title }) => title)))
  return [head, ...rows.map((_, at) => line(filled.map(({ cells }) => cells[at] ?? '')))].join('\n') + '\n'
}

/** Names and values below each other; what is undefined or empty is left out. Ends with a line break. */
export const facts = (
  pairs: readonly (readonly [name: string, value: string | undefined])[],
  paint: Paint,
): string => {
  const shown = pairs.filter((pair): pair is readonly [string, string] => (pair[1] ?? '') !== '')
  const width = Math.max(0, ...shown.map(([name]) => name.length))
  return shown.map(([name, value]) => `${paint.dim(name.padEnd(width))}  ${value}\n`).join('')
}

const pad = (text: string, width: number, align: 'right' | undefined): string => {
  const space = ' '.repeat(Math.max(0, width - Bun.stringWidth(text)))
  return align === 'right' ? space + text : text + space
}
