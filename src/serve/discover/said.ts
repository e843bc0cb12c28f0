import { isObject } from '../../core/is-object.ts'
import type { Answer } from './ask.ts'

/** What others write as they like, read with care: anything that is not as it should be is left out. */
export type Said = Readonly<Record<string, unknown>>

/** The members of a good answer that is a JSON object; none of any other. */
export const said = (answer: Answer | undefined): Said => (answer?.status === 200 ? object(answer.json) : {})

export const object = (value: unknown): Said => (isObject(value) ? value : {})

/** The objects of a list. */
export const objects = (value: unknown): readonly Said[] =>
  Array.isArray(value) ? value.filter((item) => isObject(item)) : []

export const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined

/** A positive whole number. */
export const count = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : undefined

export const texts = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []

/** It wants a key, or another one. */
export const isClosed = (answer: Answer | undefined): boolean =>
  answer?.status === 401 || answer?.status === 403

/** Only the members that have a value. */
export const known = <T extends object>(facts: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
