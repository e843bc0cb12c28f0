import type { OnProgress, Progress } from '../install/progress.ts'
import { bytesText, durationText } from './print.ts'

export interface Bars {
  readonly onProgress: OnProgress
  /** Writes lines without tearing the bars apart. */
  readonly above: (text: string) => void
  /** The lines that stand there go: what comes next needs no work to be shown. */
  readonly clear: () => void
  /** The work is over, done or not: the lines are left as they should stay. */
  readonly end: () => void
}

/** Shows `work` for as long as it takes. */
export const withBars = async <T>(bars: Bars, work: (onProgress: OnProgress) => Promise<T>): Promise<T> => {
  try {
    return await work(bars.onProgress)
  } finally {
    bars.end()
  }
}

interface Stream {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

/** One piece of work, by its label. Times are of the same clock. */
interface Item {
  readonly began: number
  /** Bytes that were there when it began: what an earlier run left says nothing about the speed. */
  readonly from: number
  progress: Progress
  at: number
  toldAt: number
}

const redrawMs = 80
const tellMs = 10_000

/**
 * One line for each label, several at once: on a terminal they are redrawn in place, elsewhere each is told at its
 * beginning, every ten seconds and at its end.
 */
export const createBars = (stream: Stream, now: () => number = () => performance.now()): Bars =>
  stream.isTTY === true ? drawn(stream, now) : told(stream, now)

const drawn = (stream: Stream, now: () => number): Bars => {
  const items = new Map<string, Item>()
  let lines = 0
  let drawnAt = -Infinity
  const wipe = (): string => (lines === 0 ? '' : `\u001B[${lines}A\r\u001B[J`)
  const draw = (isLast: boolean, before = ''): void => {
    // Some terminals say that they have no columns.
    const rows = rowsOf([...items.values()], (stream.columns || 80) - 1, isLast)
    const text = wipe() + before + rows.map((row) => `${row}\n`).join('')
    if (text !== '') stream.write(text)
    lines = rows.length
    drawnAt = now()
  }
  const forget = (): void => {
    items.clear()
    lines = 0
  }
  const end = (): void => {
    // Work without a size has nothing to tell any more.
    for (const [label, { progress }] of items) if (isUnsized(progress)) items.delete(label)
    draw(true)
    forget()
  }
  return {
    onProgress: (progress) => {
      const isNew = follow(items, progress, now()) === 'new'
      if (isNew || now() - drawnAt >= redrawMs) draw(false)
    },
    above: (text) => draw(false, text),
    clear: () => {
      if (lines > 0) stream.write(wipe())
      forget()
    },
    end,
  }
}

const told = (stream: Stream, now: () => number): Bars => {
  const items = new Map<string, Item>()
  const tell = (item: Item, isLast: boolean): void => {
    stream.write(`${item.progress.label}${after('  ', amountText(item, isLast))}\n`)
    item.toldAt = isLast ? Infinity : now()
  }
  return {
    onProgress: (progress) => {
      follow(items, progress, now())
      const item = items.get(progress.label)
      if (item === undefined) return
      if (isWhole(item)) {
        if (item.toldAt !== Infinity) tell(item, true)
      } else if (now() - item.toldAt >= tellMs) tell(item, false)
    },
    above: (text) => void stream.write(text),
    clear: () => items.clear(),
    end: () => items.clear(),
  }
}

const follow = (items: Map<string, Item>, progress: Progress, now: number): 'new' | 'known' => {
  const item = items.get(progress.label)
  if (item !== undefined) {
    item.progress = progress
    item.at = now
    return 'known'
  }
  items.set(progress.label, { began: now, from: progress.done, progress, at: now, toldAt: -Infinity })
  return 'new'
}

const isUnsized = ({
  done,
  total,
}: {
  readonly done: number
  readonly total?: number | undefined
}): boolean => done === 0 && total === undefined

const isWhole = ({ progress: { done, total } }: Item): boolean => total !== undefined && done >= total

const barWidth = 20
const mostLabel = 48

/** A bar where the total is known, the labels as wide as the widest; never longer than the terminal is wide. */
const rowsOf = (items: readonly Item[], width: number, isLast: boolean): string[] => {
  const labels = items.map(({ progress }) => shortened(progress.label, mostLabel))
  const widest = Math.max(0, ...labels.map((label) => label.length))
  return items.map((item, at) => {
    const row = `${bar(item)} ${(labels[at] ?? '').padEnd(widest)}${after('  ', amountText(item, isLast || isWhole(item)))}`
    return shortened(row.trimEnd(), width)
  })
}

const bar = ({ progress: { done, total } }: Item): string => {
  if (total === undefined || total === 0) return '·'.repeat(barWidth)
  const full = Math.round(Math.min(1, done / total) * barWidth)
  return '█'.repeat(full) + '░'.repeat(barWidth - full)
}

/** `42 MB of 98 MB, 8.1 MB/s, 7.0 s left`; `98 MB in 12.1 s` at the end; nothing for work that has no size. Pure. */
export const amountText = (
  { progress: { done, total }, began, from, at }: Omit<Item, 'toldAt'>,
  isLast: boolean,
): string => {
  if (isUnsized({ done, total })) return ''
  const ms = at - began
  const isAll = total === undefined || done >= total
  const amount = isAll ? bytesText(done) : `${bytesText(done)} of ${bytesText(total)}`
  if (isLast) return `${amount} in ${durationText(ms)}`
  const perMs = (done - from) / ms
  // The first half second says nothing of the rest.
  if (ms < 500 || perMs <= 0) return amount
  const left = isAll ? '' : `, ${durationText((total - done) / perMs)} left`
  return `${amount}, ${bytesText(perMs * 1000)}/s${left}`
}

const shortened = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, Math.max(0, most - 1))}…`

const after = (space: string, text: string): string => (text === '' ? '' : space + text)
