import { InvalidArgumentError } from 'commander'

/** What stands behind options, read or refused with a sentence that says what is wanted. */
export const wholeNumber = (text: string): number => {
  const value = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value > 0) return value
  throw new InvalidArgumentError('A whole number above 0 is wanted.')
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
