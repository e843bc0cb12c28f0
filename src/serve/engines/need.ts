import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

import type { EngineRow } from './engine.ts'
import { engineKindOf } from './kinds/index.ts'
import { modelFiles } from './model-files.ts'
import type { Need } from './place.ts'

/** What a row takes: as it says, else the size of its files. */
export const needOf = (row: EngineRow | undefined): Need => {
  if (row === undefined) return { memoryBytes: 0 }
  const memoryBytes = row.memoryBytes ?? modelFiles(row).reduce((sum, path) => sum + bytesAt(path), 0)
  const wholeGpus = row.memoryBytes === undefined && engineKindOf(row.engine).takesWholeGpus === true
  return { memoryBytes, gpus: row.gpus, wholeGpus }
}

/** Of a folder the files that stand in it. */
const bytesAt = (path: string): number => {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found?.isDirectory() !== true) return found?.size ?? 0
  return readdirSync(path).reduce(
    (sum, name) => sum + (statSync(join(path, name), { throwIfNoEntry: false })?.size ?? 0),
    0,
  )
}
