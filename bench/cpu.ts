import { readFileSync } from 'node:fs'

import { statOf, treeOf } from './child.ts'

/** Linux counts a process's time in hundredths of a second, whatever the kernel's own tick. */
const tickMicros = 10_000
const pageBytes = 4096

export interface Spent<T> {
  readonly result: T
  /** User and system time of the whole tree while the work ran. */
  readonly cpuMicros: number
  /** Resident memory of the whole tree when the work was done; pages that two processes share count twice. */
  readonly rssMb: number
}

/** What a process and all below it spend while something else works on them. */
export async function spentBy<T>(root: number, work: () => Promise<T>): Promise<Spent<T>> {
  const before = cpuMicros(root)
  const result = await work()
  return { result, cpuMicros: cpuMicros(root) - before, rssMb: rssMb(treeOf(root)) }
}

function cpuMicros(root: number): number {
  let ticks = 0
  for (const pid of treeOf(root)) {
    const stat = statOf(pid)
    ticks += Number(stat?.[11] ?? 0) + Number(stat?.[12] ?? 0)
  }
  return ticks * tickMicros
}

/** Megabytes (10⁶ bytes) of these processes together. */
export const rssMb = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => sum + (residentPages(pid) * pageBytes) / 1e6, 0)

function residentPages(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1])
  } catch {
    return 0
  }
}
