import { Failure } from '../../core/failure.ts'
import { isObject } from '../../core/is-object.ts'
import type { Work } from '../../core/turns.ts'

/** Where fields are read from: a `JsonText`, or an object. */
interface Source {
  get(key: string): unknown
  keys(): Iterable<string>
}

/**
 * Typed reads of one JSON object. A value of another type is `Failure('bad_request')` with `param` naming the field by
 * its path; null counts as absent. Remembers what was read, so that what nobody knows can be kept and told.
 */
export class Fields {
  readonly #source: Source
  readonly #path: string
  readonly #read: string[] = []

  constructor(source: Source, path = '') {
    this.#source = source
    this.#path = path
  }

  static of(value: unknown, path: string): Fields {
    if (!isObject(value)) throw wrong(path, 'must be an object')
    return new Fields(
      {
        get: (key) => (Object.hasOwn(value, key) ? value[key] : undefined),
        keys: () => Object.keys(value),
      },
      path,
    )
  }

  get(key: string): unknown {
    this.#read.push(key)
    return this.#source.get(key) ?? undefined
  }

  text(key: string): string | undefined {
    const value = this.get(key)
    if (value !== undefined && typeof value !== 'string') throw this.wrong(key, 'must be a string')
    return value
  }

  boolean(key: string): boolean | undefined {
    const value = this.get(key)
    if (value !== undefined && typeof value !== 'boolean') throw this.wrong(key, 'must be true or false')
    return value
  }

  number(key: string): number | undefined {
    const value = this.get(key)
    if (value !== undefined && typeof value !== 'number') throw this.wrong(key, 'must be a number')
    return value
  }

  integer(key: string, least = Number.MIN_SAFE_INTEGER, most = Number.MAX_SAFE_INTEGER): number | undefined {
    const value = this.get(key)
    if (value === undefined) return undefined
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value
    const bounds = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `from ${least} to ${most}`
    throw this.wrong(key, `must be a whole number, ${bounds}`)
  }

  list(key: string): readonly unknown[] | undefined {
    const value = this.get(key)
    if (value !== undefined && !Array.isArray(value)) throw this.wrong(key, 'must be a list')
    return value
  }

  object(key: string): Fields | undefined {
    const value = this.get(key)
    return value === undefined ? undefined : Fields.of(value, this.path(key))
  }

  /** Each is looked at when its turn comes. */
  objects(key: string): IteratorObject<Fields> | undefined {
    return this.list(key)
      ?.values()
      .map((item, at) => Fields.of(item, `${this.path(key)}[${at}]`))
  }

  /** The value, which must be there. */
  required<T>(key: string, value: T | undefined): T {
    if (value === undefined) throw this.wrong(key, 'is missing')
    return value
  }

  path(key: string): string {
    return this.#path === '' ? key : `${this.#path}.${key}`
  }

  wrong(key: string, what: string): Failure {
    return wrong(this.path(key), what)
  }

  /** Puts the fields that nobody read into `rest`, by their path without list positions. */
  *keepUnread(rest: Record<string, unknown>): Work<void> {
    for (const key of this.#source.keys()) {
      if (this.#read.includes(key)) continue
      const value = this.#source.get(key) ?? undefined
      if (value !== undefined) rest[this.path(key).replaceAll(/\[\d+\]/g, '[]')] = value
      yield
    }
  }
}

/** The object without its undefined members. */
export function compact<T extends object>(value: { [K in keyof T]: T[K] | undefined }): T {
  for (const key of Object.keys(value)) {
    if (value[key as keyof T] === undefined) Reflect.deleteProperty(value, key)
  }
  return value as T
}

const wrong = (param: string, what: string): Failure =>
  new Failure('bad_request', { message: `\`${param}\` ${what}.`, param })
