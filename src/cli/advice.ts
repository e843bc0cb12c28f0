import type { Accelerator } from '../serve/engines/engine.ts'
import { pinnedAccelerator, wantedAccelerators } from '../serve/engines/installation.ts'
import type { Gpu, Machine } from '../serve/engines/machine.ts'

/** A model worth bringing, and what it takes. */
export interface Advice {
  readonly name: string
  readonly source: string
  /** Of the download. */
  readonly bytes: number
}

const GiB = 1024 ** 3
const qwen = (size: string, quantisation: string, gigabytes: number): Advice => ({
  name: `Qwen3 ${size}`,
  source: `hf:Qwen/Qwen3-${size}-GGUF:${quantisation}`,
  bytes: gigabytes * 1e9,
})

const models = {
  '30B-A3B': qwen('30B-A3B', 'Q4_K_M', 18.6),
  '14B': qwen('14B', 'Q4_K_M', 9),
  '8B': qwen('8B', 'Q4_K_M', 5),
  '4B': qwen('4B', 'Q4_K_M', 2.5),
  '1.7B': qwen('1.7B', 'Q8_0', 1.8),
} as const

/** The most memory first; a little below the round figure, since cards and containers never have all of it. */
const onGpu = [
  [23 * GiB, models['30B-A3B']],
  [15 * GiB, models['14B']],
  [7.5 * GiB, models['8B']],
  [5 * GiB, models['4B']],
] as const
/** A CPU reads all weights for every token: what fits is not yet what is fast enough. */
const onCpu = [
  [15 * GiB, models['4B']],
  [6 * GiB, models['1.7B']],
] as const

/** macOS lets the GPU have about this much of the memory. */
const appleShare = 0.7

/** The best model of the table for a machine; undefined where none fits. Pure. */
export const betterModel = ({
  gpus,
  memoryBytes,
}: Pick<Machine, 'gpus' | 'memoryBytes'>): Advice | undefined => {
  const largest = Math.max(0, ...gpus.map(usable))
  const fits = (
    table: readonly (readonly [needs: number, model: Advice])[],
    has: number,
  ): Advice | undefined => table.find(([needs]) => has >= needs)?.[1]
  return fits(onGpu, largest) ?? fits(onCpu, memoryBytes)
}

/** The engine to bring for a GPU that the one in use leaves idle; undefined where there is none. Pure. */
export const betterEngine = (
  machine: Pick<Machine, 'platform' | 'arch' | 'gpus'>,
  inUse: Accelerator | 'unknown' | undefined,
): Accelerator | undefined => {
  const [wanted] = wantedAccelerators(machine)
  return inUse === 'cpu' && wanted !== pinnedAccelerator(machine) ? wanted : undefined
}

const usable = ({ vendor, memoryBytes = 0 }: Gpu): number =>
  vendor === 'apple' ? memoryBytes * appleShare : memoryBytes
