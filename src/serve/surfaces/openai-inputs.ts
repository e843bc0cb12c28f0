import type { Fields } from './fields.ts'

/** A text, a list of token ids, or a list of either: always as a list of inputs. */
export function tokenInputs(fields: Fields, key: string): (string | readonly number[])[] {
  const value = fields.required(key, fields.get(key))
  if (typeof value === 'string') return [value]
  if (isTokens(value)) return [value]
  if (!Array.isArray(value)) throw fields.wrong(key, 'must be a string or a list')
  return value.map((item: unknown, at) => {
    if (typeof item === 'string' || isTokens(item)) return item
    throw fields.wrong(`${key}[${at}]`, 'must be a string or a list of token ids')
  })
}

const isTokens = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length > 0 && value.every((item) => Number.isInteger(item))
