import type { Gpu, Machine } from './machine.ts'

/** An accelerator that engines can be given one by one. */
export interface Device {
  readonly vendor: 'nvidia' | 'amd'
  /** What the vendor's environment variable calls it: a number, or an id. */
  readonly name: string
  /** Undefined where nobody says. */
  readonly memoryBytes: number | undefined
}

const variables = { nvidia: 'CUDA_VISIBLE_DEVICES', amd: 'HIP_VISIBLE_DEVICES' } as const

/** The accelerators that we were given, in the order of the config's numbers. Apple's is one with the machine. Pure. */
export const devicesOf = (
  machine: Pick<Machine, 'gpus'>,
  env: Readonly<Record<string, string | undefined>>,
): readonly Device[] =>
  (['nvidia', 'amd'] as const).flatMap((vendor) => visible(vendor, machine.gpus, env[variables[vendor]]))

const visible = (vendor: Device['vendor'], gpus: readonly Gpu[], granted: string | undefined): Device[] => {
  const all = gpus.filter((gpu) => gpu.vendor === vendor)
  const names = granted === undefined ? all.map((_, at) => String(at)) : granted.split(',')
  const known = names.map((name) => name.trim()).filter((name) => name !== '' && name !== '-1')
  if (all.length === 0) return []
  return known.map((name) => ({ vendor, name, memoryBytes: (all[Number(name)] ?? all[0])?.memoryBytes }))
}

/** What shows an engine these accelerators and no other; nothing where it may see all. Pure. */
export const deviceEnvironment = (devices: readonly Device[] | undefined): Record<string, string> => {
  if (devices === undefined) return {}
  const of = (vendor: Device['vendor']): string =>
    devices
      .filter((device) => device.vendor === vendor)
      .map(({ name }) => name)
      .join(',')
  // Numbers as nvidia-smi gives them; CUDA alone would put the fastest first.
  return { CUDA_DEVICE_ORDER: 'PCI_BUS_ID', [variables.nvidia]: of('nvidia'), [variables.amd]: of('amd') }
}
