import { z } from 'zod'

import { Failure } from '../../core/failure.ts'
import { anthropic } from './anthropic.ts'
import { gemini } from './gemini.ts'
import type { AnyRow, BackendKind } from './kind.ts'
import { managed } from './managed.ts'
import { ollama } from './ollama.ts'
import { openAiCompatible, presetKinds } from './openai-compatible.ts'

export { isCloudName } from './ollama-models.ts'
export type { AnyRow, BackendDeps, BackendKind, RowBackend } from './kind.ts'

/** All kinds of backends. */
export const backendKinds = [
  managed,
  openAiCompatible,
  anthropic,
  ollama,
  gemini,
  ...presetKinds,
] as const satisfies readonly BackendKind[]

/** The schema of a row of `backends` in the config: one shape per kind. */
export const backendRow = z.discriminatedUnion('kind', [
  managed.settings,
  ...backendKinds.slice(1).map(({ settings }) => settings),
])

const kinds: ReadonlyMap<string, BackendKind> = new Map(backendKinds.map((each) => [each.kind, each]))

/** The kind of a row that the schema has passed. */
export function kindOf(row: AnyRow): BackendKind {
  const kind = kinds.get(row.kind)
  if (kind === undefined)
    throw new Failure('config_invalid', `There is no kind of backend called ${row.kind}.`)
  return kind
}
