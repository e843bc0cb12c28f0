import type { Device } from '../devices.ts'
import type { EngineRow } from '../engine.ts'

/** Command-line words; what is undefined is left out. */
export const flags = (given: Readonly<Record<string, string | number | undefined>>): string[] =>
  Object.entries(given).flatMap(([flag, value]) => (value === undefined ? [] : [flag, String(value)]))

/** What the engine is told to call the model: what calls will name. */
export const servedName = (row: EngineRow): string => row.model ?? row.row

/** What part of its accelerators' memory a row may take; undefined where it does not say how much. */
export const gpuShare = (row: EngineRow, devices: readonly Device[] | undefined): string | undefined => {
  const each = devices?.[0]?.memoryBytes
  if (row.memoryBytes === undefined || devices === undefined || each === undefined) return undefined
  return Math.min(1, row.memoryBytes / devices.length / each).toFixed(3)
}

/** The text with `{port}`, `{model}` and `{key}` filled in. */
export const filled = (text: string, facts: Readonly<Record<'port' | 'model' | 'key', string>>): string =>
  text.replaceAll(/\{(port|model|key)\}/g, (_, name: keyof typeof facts) => facts[name])
