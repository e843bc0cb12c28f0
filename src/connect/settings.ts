import { isDeepStrictEqual } from 'node:util'

import { Failure } from '../core/failure.ts'
import type { Format, Json, Step } from './formats/format.ts'
import type { Setting } from './tool.ts'

/**
 * The text with these settings in it. Throws `Failure('file_unfit')` where the text cannot be read, or where the edit
 * would change anything else: what comes out is read again and compared. Pure.
 */
export const applySettings = (format: Format, text: string, settings: readonly Setting[]): string =>
  settings.reduce((before, setting) => {
    const value = readAs(format, before)
    const path = setting.isItem ? [...setting.path, listAt(value, setting.path).length] : setting.path
    const stands = valueAt(value, path)
    if (setting.isDefault ? stands !== undefined : same(stands, setting.value)) return before
    return checked(format, before, withValue(value, path, setting.value), (from) =>
      format.set(from, path, setting.value),
    )
  }, text)

/**
 * The text without these settings, with what stood there in `original`. Throws `Failure('file_changed')` where one of
 * them is no longer as it was set: then it is somebody else's by now. Pure.
 */
export const takeOut = (
  format: Format,
  text: string,
  original: string,
  settings: readonly Setting[],
): string => {
  const old = readAs(format, original)
  return settings.toReversed().reduce((before, setting) => {
    const value = readAs(format, before)
    const path = placeOf(value, setting)
    if (path === undefined) {
      // Somebody took it out already.
      if (setting.isItem || same(valueAt(value, setting.path), valueAt(old, setting.path))) return before
      throw new Failure('file_changed', `${setting.path.join('.')} was changed since.`)
    }
    const stood = setting.isItem ? undefined : valueAt(old, path)
    if (stood !== undefined)
      return checked(format, before, withValue(value, path, stood as Json), (from) =>
        format.set(from, path, stood as Json),
      )
    const whole = emptied(value, old, path)
    return checked(format, before, without(value, whole), (from) => format.remove(from, whole))
  }, text)
}

/** Where our value stands; undefined where it does not. */
const placeOf = (value: unknown, { path, value: ours, isItem }: Setting): readonly Step[] | undefined => {
  if (!isItem) return same(valueAt(value, path), ours) ? path : undefined
  const at = listAt(value, path).findIndex((item) => same(item, ours))
  return at === -1 ? undefined : [...path, at]
}

/** The path, or the outermost object or list above it that holds nothing else and was not there before. */
const emptied = (value: unknown, old: unknown, path: readonly Step[]): readonly Step[] => {
  const above = path.slice(0, -1)
  if (above.length === 0 || valueAt(old, above) !== undefined) return path
  const holder = valueAt(value, above)
  return typeof holder === 'object' && holder !== null && Object.keys(holder).length === 1
    ? emptied(value, old, above)
    : path
}

const readAs = (format: Format, text: string): unknown => {
  try {
    return format.read(text)
  } catch (cause) {
    throw new Failure(
      'file_unfit',
      `It cannot be read: ${cause instanceof Error ? cause.message : 'unknown'}.`,
      {
        cause,
      },
    )
  }
}

const checked = (format: Format, before: string, wanted: unknown, edit: (text: string) => string): string => {
  let after: string | undefined
  try {
    after = edit(before)
    if (same(format.read(after) ?? {}, wanted ?? {})) return after
  } catch {}
  throw new Failure(
    'file_unfit',
    'It is written in a way that cannot be edited without changing other things.',
  )
}

/** By what JSON says of them: parsers give objects of kinds of their own. */
const same = (one: unknown, other: unknown): boolean => isDeepStrictEqual(plain(one), plain(other))

const plain = (value: unknown): unknown =>
  value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as unknown)

/** What has values by step: an object, or a list. */
const isHolder = (value: unknown): value is Readonly<Record<Step, unknown>> =>
  typeof value === 'object' && value !== null

const valueAt = (value: unknown, path: readonly Step[]): unknown =>
  path.reduce<unknown>(
    (inner, step) => (isHolder(inner) && Object.hasOwn(inner, step) ? inner[step] : undefined),
    value,
  )

const listAt = (value: unknown, path: readonly Step[]): readonly unknown[] => {
  const list = valueAt(value, path)
  return Array.isArray(list) ? list : []
}

const withValue = (value: unknown, [step, ...rest]: readonly Step[], leaf: Json): unknown => {
  if (step === undefined) return leaf
  if (typeof step === 'number') return [...listAt(value, []), leaf]
  const inner = isHolder(value) ? value[step] : undefined
  return { ...(isHolder(value) ? value : {}), [step]: withValue(inner, rest, leaf) }
}

const without = (value: unknown, [step, ...rest]: readonly Step[]): unknown => {
  if (step === undefined || !isHolder(value)) return value
  if (Array.isArray(value)) return value.toSpliced(Number(step), 1)
  const { [step]: inner, ...others } = value
  return rest.length === 0 ? others : { ...others, [step]: without(inner, rest) }
}
