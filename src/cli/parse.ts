import { InvalidArgumentError } from 'commander'

import { parseDay } from '../account/ledger/days.ts'
import { countText } from './print.ts'

/** What stands behind options, read or refused with a sentence that says what is wanted. */
export const wholeNumber = (text: string): number => {
  const value = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value > 0) return value
  throw new InvalidArgumentError('A whole number above 0 is wanted.')
}

/** What may run; 0: nothing. */
export const bound = (text: string): number => {
  if (/^0+$/.test(text)) return 0
  return wholeNumber(text)
}

export const atMost =
  (most: number) =>
  (text: string): number => {
    const value = wholeNumber(text)
    if (value <= most) return value
    throw new InvalidArgumentError(`At most ${countText(most)} is possible.`)
  }

export const decimal = (text: string): number => {
  const value = Number(text)
  if (text.trim() !== '' && Number.isFinite(value) && value >= 0) return value
  throw new InvalidArgumentError('A number, 0 or more, is wanted.')
}

/** `a,b , c` → three words. */
export const words = (text: string): string[] => {
  const list = text.split(',').map((word) => word.trim())
  if (list.every((word) => word !== '')) return list
  throw new InvalidArgumentError('Words with commas between them are wanted.')
}

export const wholeNumbers = (text: string): number[] => words(text).map(wholeNumber)

const unitMs: Readonly<Record<string, number>> = {
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
}

/** `30m`, `12h`, `30d`, `2w`, `1y` → milliseconds. */
export const span = (text: string): number => {
  const [, figure, unit = ''] = /^(\d{1,6})([mhdwy])$/.exec(text) ?? []
  const ms = Number(figure) * (unitMs[unit] ?? Number.NaN)
  if (ms > 0) return ms
  throw new InvalidArgumentError('A time such as 12h, 30d or 1y is wanted.')
}

/** A day that there is, as `2026-11-21`. */
export const day = (text: string): string => {
  if (parseDay(text) !== undefined) return text
  throw new InvalidArgumentError('A day such as 2026-11-21 is wanted.')
}

/** A word that people can read and write again. */
export const label = (text: string): string => {
  if (/^[^\p{C}\s]+( [^\p{C}\s]+)*$/u.test(text)) return text
  throw new InvalidArgumentError('A name of letters, digits or signs is wanted.')
}

/** A word that shells complete and commands take without quotes. */
export const keyName = (text: string): string => {
  if (/^[\p{L}\p{N}][\p{L}\p{N}._@:-]*$/u.test(text)) return text
  throw new InvalidArgumentError(
    'A word of letters, digits and . _ @ : - is wanted, with one of the first two in front.',
  )
}

/** Without the `/v1` that clients put behind it. */
export const serverUrl = (text: string): string => {
  const { protocol = '', href = '' } = URL.parse(text) ?? {}
  if (protocol === 'http:' || protocol === 'https:') return href.replace(/\/(v1\/?)?$/, '')
  throw new InvalidArgumentError('An address such as http://127.0.0.1:4141 is wanted.')
}

/** Of a file, in lower case. */
export const sha256 = (text: string): string => {
  if (/^[0-9a-f]{64}$/i.test(text)) return text.toLowerCase()
  throw new InvalidArgumentError('A SHA-256 digest of 64 hexadecimal digits is wanted.')
}
