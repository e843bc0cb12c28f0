import type { z } from 'zod'

import { nearest } from './nearest.ts'
import { pathText, valueAt } from './path.ts'
import type { Path } from './path.ts'
import { isSecret } from './secrets.ts'
import { expectation, kindName, shapeAt } from './shape.ts'
import type { Shape } from './shape.ts'

/** A mistake before it is known where it stands. */
export interface Finding {
  readonly path: Path
  readonly text: string
}

/** What was read: before the schema saw it. */
export interface Context {
  readonly shape: Shape
  readonly tree: Readonly<Record<string, unknown>>
  /** What was written where a placeholder was filled in. */
  readonly written: ReadonlyMap<string, string>
}

/** The schema's issues as sentences that say what was found, what is allowed, and what was perhaps meant. */
export const findingsOf = (issues: readonly z.core.$ZodIssue[], context: Context): readonly Finding[] =>
  issues.flatMap((issue) => findingOf(issue, context))

function findingOf(issue: z.core.$ZodIssue, context: Context): readonly Finding[] {
  const path = issue.path.filter((step) => typeof step !== 'symbol')
  const found = foundText(path, context)
  const say = (text: string): readonly Finding[] => [{ path, text }]
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = Object.keys(shapeAt(context.shape, path, context.tree)?.properties ?? {})
      return issue.keys.map((key) => ({ path: [...path, key], text: unknownKey(key, known) }))
    }
    case 'invalid_union': {
      const kinds = shapeAt(context.shape, path.slice(0, -1), context.tree)?.oneOf ?? []
      const names = kinds.flatMap((kind) => (typeof kind === 'object' ? [String(kindName(kind))] : []))
      return say(names.length === 0 ? `does not fit${found}` : choice(names, path, context))
    }
    case 'invalid_value':
      return say(choice(issue.values.map(String), path, context))
    case 'invalid_type': {
      if (valueAt(context.tree, path) === undefined) return say('is missing')
      const shape = shapeAt(context.shape, path, context.tree)
      return say(`must be ${shape === undefined ? issue.expected : expectation(shape)}${found}`)
    }
    case 'too_small':
      return say(
        issue.origin === 'string' || issue.origin === 'array'
          ? 'is empty'
          : `must be ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}${found}`,
      )
    case 'too_big':
      return say(`must be at most ${issue.maximum}${found}`)
    case 'invalid_key':
      return say(issue.issues[0]?.message ?? 'is not a name')
    case 'invalid_format':
      return say(issue.format === 'url' ? 'is not an http or https address' : issue.message)
    default:
      return say(issue.message)
  }
}

function unknownKey(key: string, known: readonly string[]): string {
  const meant = nearest(key, known)
  if (meant !== undefined) return `is not known here; did you mean \`${meant}\`?`
  return known.length === 0 ? 'is not known here' : `is not known here; known are ${known.join(', ')}`
}

function choice(values: readonly string[], path: Path, context: Context): string {
  const value = valueAt(context.tree, path)
  if (value === undefined) return `is missing: one of ${values.join(', ')}`
  const meant = typeof value === 'string' && !isHidden(path, context) ? nearest(value, values) : undefined
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`
  return `must be one of ${values.join(', ')}${foundText(path, context)}${hint}`
}

const isHidden = (path: Path, { written }: Context): boolean => written.has(pathText(path)) || isSecret(path)

/** What stands there, cut short; of a secret only where it came from. */
export function foundText(path: Path, context: Context): string {
  const value = valueAt(context.tree, path)
  const written = context.written.get(pathText(path))
  if (written !== undefined) return `, found what ${written} stands for`
  if (value === undefined || isSecret(path)) return ''
  if (typeof value === 'object') return `, found ${Array.isArray(value) ? 'a list' : '`key: value` lines'}`
  const text = JSON.stringify(value)
  return `, found ${text.length > 60 ? `${text.slice(0, 60)}…` : text}`
}
