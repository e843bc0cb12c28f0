import type { Machine } from '../serve/engines/machine.ts'
import { memoryText } from './print.ts'

const vendors = { nvidia: 'NVIDIA', amd: 'AMD', apple: 'Apple' } as const

/** `AMD EPYC 7543, 2 cores, 24 GiB; NVIDIA RTX 4090, 24 GiB`. Pure. */
export const hardwareText = ({ cpu, cores, memoryBytes, gpus }: Machine): string => {
  const computer = `${cpu}, ${cores} ${cores === 1 ? 'core' : 'cores'}, ${memoryText(memoryBytes)} of memory`
  if (gpus.length === 0) return `${computer}; no NVIDIA, AMD or Apple GPU`
  const named = gpus.map((gpu) => {
    const name = gpu.name.startsWith(vendors[gpu.vendor]) ? gpu.name : `${vendors[gpu.vendor]} ${gpu.name}`
    return gpu.memoryBytes === undefined ? name : `${name}, ${memoryText(gpu.memoryBytes)}`
  })
  return [computer, ...named].join('; ')
}
