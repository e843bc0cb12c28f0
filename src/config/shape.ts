import { isObject } from '../core/is-object.ts'
import type { z } from 'zod'

import type { Path } from './path.ts'

/** A piece of the published JSON Schema: what our messages, env names and docs are made of. */
export type Shape = z.core.JSONSchema.JSONSchema

const asShape = (value: unknown): Shape | undefined => (isObject(value) ? value : undefined)

/** The shape at a path; `tree` decides between the kinds of a row. Undefined where nothing is known. */
export function shapeAt(root: Shape, path: Path, tree: unknown): Shape | undefined {
  let shape: Shape | undefined = pick(root, tree)
  let at = tree
  for (const step of path) {
    if (shape === undefined) return undefined
    at = isObject(at) ? at[step] : undefined
    const next: Shape | undefined =
      typeof step === 'number'
        ? asShape(shape.items)
        : (asShape(shape.properties?.[step]) ?? asShape(shape.additionalProperties))
    shape = next === undefined ? undefined : pick(next, at)
  }
  return shape
}

/** Of a row with several kinds the one that it says it is. */
function pick(shape: Shape, value: unknown): Shape {
  const kinds = shape.oneOf?.map(asShape)
  if (kinds === undefined || !isObject(value)) return shape
  return kinds.find((kind) => kind !== undefined && kindName(kind) === value['kind']) ?? shape
}

/** The value of `kind` that a shape is for. */
export const kindName = (shape: Shape): unknown => asShape(shape.properties?.['kind'])?.const

/** What may stand there, in a few words: `a whole number`, `one of info, warn`. */
export function expectation(shape: Shape): string {
  if (shape.const !== undefined) return JSON.stringify(shape.const)
  if (shape.enum !== undefined) return `one of ${shape.enum.join(', ')}`
  switch (shape.type) {
    case 'integer':
      return 'a whole number'
    case 'number':
      return 'a number'
    case 'boolean':
      return 'true or false'
    case 'string':
      return 'text'
    case 'array':
      return 'a list'
    case 'object':
      return '`key: value` lines'
    default:
      return 'something else'
  }
}

export interface Setting {
  readonly path: readonly string[]
  readonly shape: Shape
}

/** All single settings with a fixed path: what environment and flags can give. Rows of one's own are not among them. */
export function settingsOf(shape: Shape, path: readonly string[] = []): readonly Setting[] {
  if (shape.properties === undefined) {
    const isList = shape.type === 'array' && asShape(shape.items)?.type === 'string'
    return shape.type === 'object' || (shape.type === 'array' && !isList) ? [] : [{ path, shape }]
  }
  return Object.entries(shape.properties).flatMap(([key, inner]) => {
    const next = asShape(inner)
    return next === undefined ? [] : settingsOf(next, [...path, key])
  })
}

/** `server.maxBodyBytes` → `INHOUSE_SERVER_MAX_BODY_BYTES`. */
export const envName = (path: readonly string[]): string =>
  ['INHOUSE', ...path].map((step) => step.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase()).join('_')
