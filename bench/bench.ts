import { answerOf } from './ask.ts'
import type { Ask } from './ask.ts'
import { spentBy } from './cpu.ts'
import { load } from './load.ts'
import type { Load } from './load.ts'
import type { Options, Plan } from './options.ts'
import type { Gateway } from './peers/peer.ts'
import { reasonOf } from './reason.ts'
import { median } from './statistics.ts'
import type { Upstreams } from './upstreams/start.ts'
import type { Upstream } from './upstreams/upstream.ts'

/** What every part of the run is given. */
export interface Bench {
  readonly options: Options
  readonly plan: Plan
  readonly upstreams: Upstreams
  readonly gateways: readonly Gateway[]
  /** Says on stderr what is being done. */
  readonly say: (what: string) => void
}

export interface Runner {
  readonly gateway: Gateway
  readonly ask: Ask
}

/** The gateways that give this answer, and what is wrong with those that do not. */
export async function runnersFor(
  gateways: readonly Gateway[],
  upstream: Upstream,
  expected: string,
): Promise<{ readonly runners: Runner[]; readonly unable: Map<string, string> }> {
  const runners: Runner[] = []
  const unable = new Map<string, string>()
  for (const gateway of gateways) {
    const ask = gateway.ask(upstream)
    if (ask === undefined) continue
    try {
      if ((await answerOf(ask)) !== expected) throw new Error('changed the answer')
      runners.push({ gateway, ask })
    } catch (error) {
      unable.set(gateway.name, reasonOf(error))
    }
  }
  return { runners, unable }
}

export interface Sample extends Load {
  readonly cpuMicrosPerRequest: number
  readonly rssMb: number
}

/** One window of load on one gateway. */
export async function sample(
  { gateway, ask }: Runner,
  connections: number,
  seconds: number,
): Promise<Sample> {
  const { result, cpuMicros, rssMb } = await spentBy(gateway.child.pid, () => load(ask, connections, seconds))
  return { ...result, rssMb, cpuMicrosPerRequest: cpuMicros / result.answered }
}

/** The gateways take turns, round after round, so that what else the machine does meets all of them. */
export async function inTurns<T>(
  runners: readonly Runner[],
  rounds: number,
  measure: (runner: Runner) => Promise<T>,
): Promise<Map<Runner, T[]>> {
  const found = new Map<Runner, T[]>(runners.map((runner) => [runner, []]))
  for (let round = 0; round < rounds; round += 1) {
    for (const runner of runners) found.get(runner)?.push(await measure(runner))
  }
  return found
}

/** The median of each figure over the rounds. */
export function medians<T extends { readonly [K in keyof T]: number }>(samples: readonly T[]): T {
  const [first] = samples
  if (first === undefined) throw new Error('nothing was measured')
  const keys = Object.keys(first) as (keyof T)[]
  return Object.fromEntries(keys.map((key) => [key, median(samples.map((one) => one[key]))])) as unknown as T
}
