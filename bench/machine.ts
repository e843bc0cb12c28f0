import { cpus, loadavg, release, totalmem } from 'node:os'

import { output } from './child.ts'

/** What the figures depend on; no names and no paths. */
export interface Machine {
  readonly cores: number
  readonly cpu: string
  readonly memoryGb: number
  readonly kernel: string
  /** Runnable processes, the mean of the minute before the run: what else the machine was doing. */
  readonly loadBefore: number
}

export const thisMachine = (): Machine => ({
  cores: cpus().length,
  cpu: cpus()[0]?.model.trim() ?? 'unknown',
  memoryGb: Math.round(totalmem() / 1e9),
  kernel: `Linux ${release().split('-')[0]}`,
  loadBefore: Number((loadavg()[0] ?? 0).toFixed(2)),
})

/** Versions of the tools; throws when one is not installed. */
export async function toolVersions(): Promise<Record<string, string>> {
  const [nginx, wrk, node] = await Promise.all([
    output(['nginx', '-v']),
    // It prints its version together with its help, and calls that a failure.
    output(['sh', '-c', 'wrk -v || true']),
    output(['node', '--version']),
  ]).catch((cause: unknown) => {
    throw new Error('nginx, wrk and node are needed (Debian: apt-get install nginx-light wrk)', { cause })
  })
  return {
    bun: Bun.version,
    node: node.trim().slice(1),
    nginx: /nginx\/([\d.]+)/.exec(nginx)?.[1] ?? 'unknown',
    wrk: /wrk \S*?([\d.]+)/.exec(wrk)?.[1] ?? 'unknown',
  }
}
