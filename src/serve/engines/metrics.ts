import type { EngineLoad } from './engine.ts'

/** What an engine calls its figures in Prometheus' text format. Of several names the first that is there counts. */
export interface MetricNames {
  readonly path: string
  readonly running: readonly string[]
  readonly waiting: readonly string[]
  /** A share, 0 to 1. */
  readonly cacheUse?: readonly string[]
}

/** More is not looked at: an engine has some hundreds. */
const mostLines = 20_000
const sample = /^([a-zA-Z_:][\w:]*)(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?[ \t]+(\S+)(?:[ \t]+-?\d+)?[ \t]*$/

/**
 * The wanted samples of a text in Prometheus' format. Names match exactly, for a longer name is another figure
 * (`…_created`). Of several engines in one process (label `engine`, `dp_rank`) all are kept; of the ranks of one model
 * that say the same (`tp_rank`, `pp_rank`) the first. What cannot be read is passed over. Pure.
 */
export const readSamples = (text: string, wanted: ReadonlySet<string>): Map<string, number[]> => {
  const samples = new Map<string, number[]>()
  let at = 0
  for (let line = 0; line < mostLines && at < text.length; line++) {
    const end = text.indexOf('\n', at)
    const [, name = '', labels = '', value = ''] =
      sample.exec(text.slice(at, end < 0 ? undefined : end)) ?? []
    at = end < 0 ? text.length : end + 1
    const figure = Number(value)
    if (!wanted.has(name) || value === '' || !Number.isFinite(figure)) continue
    if (/(?:^|,)\s*[tp]p_rank="(?!0")/.test(labels)) continue
    samples.set(name, [...(samples.get(name) ?? []), figure])
  }
  return samples
}

/** How busy an engine is. What it does not say is left out, never taken for 0. Pure. */
export const readLoad = (text: string, names: MetricNames): EngineLoad => {
  const { running, waiting, cacheUse = [] } = names
  const samples = readSamples(text, new Set([...running, ...waiting, ...cacheUse]))
  const first = (of: readonly string[]): number[] | undefined =>
    of.map((name) => samples.get(name)).find((values) => values !== undefined)
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
  const [isRunning, isWaiting, used] = [first(running), first(waiting), first(cacheUse)]
  return {
    ...(isRunning && { running: sum(isRunning) }),
    ...(isWaiting && { waiting: sum(isWaiting) }),
    // The fullest decides when requests must wait.
    ...(used && { cacheUse: Math.max(...used) }),
  }
}
