import type { EngineLoad } from './engine.ts'
import { askLocal } from './local.ts'
import { readLoad, type MetricNames } from './metrics.ts'

export interface Watched {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** Undefined: it does not say. */
  readonly names: MetricNames | undefined
  /** Resolves when there is nobody to ask any more. */
  readonly exited: Promise<unknown>
}

const everyMs = 5000

/** Asks an engine now and then how busy it is; what it said last is there at once. */
export const watchLoad = ({ url, headers, names, exited }: Watched): (() => EngineLoad | undefined) => {
  if (names === undefined) return () => undefined
  let load: EngineLoad | undefined
  const look = async (): Promise<void> => {
    const answer = await askLocal(url + names.path, { headers, timeoutMs: everyMs }).catch(() => undefined)
    load = answer?.status === 200 ? readLoad(answer.text, names) : undefined
  }
  void look()
  const timer = setInterval(() => void look(), everyMs)
  timer.unref()
  void exited.then(() => clearInterval(timer))
  return () => load
}
