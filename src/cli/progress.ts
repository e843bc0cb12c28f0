import type { OnProgress, Progress } from '../install/progress.ts'
import { bytesText, durationText } from './print.ts'

export interface Bars {
  readonly onProgress: OnProgress
  /** Writes lines without tearing a bar apart. */
  readonly above: (text: string) => void
  /** The line that stands there goes; what comes next is no work. */
  readonly clear: () => void
  /** The work is over: the last line is left as it should stay. */
  readonly end: () => void
}

interface Stream {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

const redrawMs = 80
const tellMs = 10_000

/**
 * One line for each label: on a terminal it is redrawn in place, elsewhere it is told at the start, every ten seconds
 * and at the end.
 */
export const createBars = (stream: Stream, now: () => number = () => performance.now()): Bars => {
  const isTerminal = stream.isTTY === true
  let current: { readonly began: number; readonly from: number; last: Progress; shownAt: number } | undefined

  const show = (isLast: boolean): void => {
    if (current === undefined) return
    const { last, began, from } = current
    const text = progressText(last, { ms: now() - began, from, isLast })
    if (isTerminal)
      stream.write(`\r\u001B[2K${fit(text, last, (stream.columns ?? 80) - 1)}${isLast ? '\n' : ''}`)
    else stream.write(`${text}\n`)
    current.shownAt = now()
  }
  const end = (): void => {
    show(true)
    current = undefined
  }

  return {
    onProgress: (progress) => {
      if (progress.label !== current?.last.label) {
        end()
        // What an earlier run left is there at once: it says nothing about the speed.
        current = { began: now(), from: progress.done, last: progress, shownAt: -Infinity }
      }
      if (current === undefined) return
      current.last = progress
      if (now() - current.shownAt >= (isTerminal ? redrawMs : tellMs)) show(false)
    },
    above: (text) => {
      if (isTerminal && current !== undefined) stream.write('\r\u001B[2K')
      stream.write(text)
      if (isTerminal) show(false)
    },
    clear: () => {
      if (isTerminal && current !== undefined) stream.write('\r\u001B[2K')
      current = undefined
    },
    end,
  }
}

interface Pace {
  /** Since this item began. */
  readonly ms: number
  /** Bytes that were there when it began. */
  readonly from: number
  readonly isLast: boolean
}

/** `Downloading x.gguf  42 MB of 98 MB, 8.1 MB/s, 7.0 s left`. Pure. */
export const progressText = ({ label, done, total }: Progress, { ms, from, isLast }: Pace): string => {
  if (done === 0 && total === undefined) return label
  const amount =
    total === undefined || (isLast && done >= total)
      ? bytesText(done)
      : `${bytesText(done)} of ${bytesText(total)}`
  if (isLast) return `${label}  ${amount} in ${durationText(ms)}`
  const perMs = (done - from) / ms
  // The first half second says nothing of the rest.
  if (ms < 500 || perMs <= 0) return `${label}  ${amount}`
  const left = total === undefined || done >= total ? '' : `, ${durationText((total - done) / perMs)} left`
  return `${label}  ${amount}, ${bytesText(perMs * 1000)}/s${left}`
}

const barWidth = 24

/** With a bar in front where the total is known and there is room; never longer than the terminal is wide. */
const fit = (text: string, { done, total }: Progress, width: number): string => {
  if (total === undefined || total === 0 || text.length + barWidth + 1 > width)
    return text.slice(0, Math.max(0, width))
  const full = Math.round(Math.min(1, done / total) * barWidth)
  return `${'█'.repeat(full)}${'░'.repeat(barWidth - full)} ${text}`
}
