import type { Failure } from '../../core/failure.ts'
import type { Paint } from '../print.ts'

/** One thing that was looked at. */
export interface Check {
  readonly level: 'ok' | 'warn' | 'fail'
  /** What was looked at, in a word or two. */
  readonly what: string
  /** What was found. */
  readonly found: string
  /** What to do. */
  readonly help?: string
}

export const ok = (what: string, found: string): Check => ({ level: 'ok', what, found })
export const warn = (what: string, found: string, help: string): Check => ({
  level: 'warn',
  what,
  found,
  help,
})
export const fail = (what: string, found: string, help: string): Check => ({
  level: 'fail',
  what,
  found,
  help,
})
export const failed = (what: string, { message, help }: Failure): Check => fail(what, message, help)

/** The checks below each other, with what to do; then what it comes to. */
export const checksText = (checks: readonly Check[], paint: Paint): string => {
  const tones = { ok: paint.green, warn: paint.yellow, fail: paint.red } as const
  const width = Math.max(...checks.map(({ what }) => what.length))
  const hang = ' '.repeat(width + 8)
  const lines = checks.map(({ level, what, found, help }) => {
    const text = found.replaceAll('\n', `\n${hang}`)
    const advice = help === undefined ? '' : `\n${hang}${paint.dim('→')} ${help}`
    return `${tones[level](level.padEnd(4))}  ${what.padEnd(width)}  ${text}${advice}\n`
  })
  return `${lines.join('')}\n${verdict(checks)}\n`
}

const verdict = (checks: readonly Check[]): string => {
  const count = (level: Check['level']): number => checks.filter((check) => check.level === level).length
  const [fails, warns] = [count('fail'), count('warn')]
  if (fails === 0 && warns === 0) return 'All is well.'
  const parts = [fails === 0 ? [] : `${fails} to repair`, warns === 0 ? [] : `${warns} to know of`].flat()
  return `${parts.join(', ')}.`
}
