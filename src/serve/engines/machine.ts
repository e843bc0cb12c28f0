import { availableParallelism, cpus, totalmem } from 'node:os'
import { readFile, readdir } from 'node:fs/promises'

import { run } from '../../install/run.ts'

/** A processor for the arithmetic, as a person would name it. */
export interface Gpu {
  readonly vendor: 'nvidia' | 'amd' | 'apple'
  readonly name: string
  /** Own memory, or the machine's where it is shared; undefined where nobody says. */
  readonly memoryBytes: number | undefined
}

/** What stands here. Plain data, for the start banner, `doctor` and the choice of an engine. */
export interface Machine {
  /** Node's names: `linux`, `darwin`; `x64`, `arm64`. */
  readonly platform: string
  readonly arch: string
  readonly cpu: string
  /** Physical cores that this process may use. */
  readonly cores: number
  /** Lower case, as Linux names them (`avx2`); empty where the system does not say. */
  readonly cpuFlags: ReadonlySet<string>
  /** Memory that this process may use: the machine's, or its container's. */
  readonly memoryBytes: number
  readonly gpus: readonly Gpu[]
}

/** Reads the machine; never throws: what cannot be found out is left out. */
export const readMachine = async (): Promise<Machine> => {
  const { platform, arch } = process
  const info = platform === 'linux' ? await text('/proc/cpuinfo') : ''
  const [gpus, cpuFlags, memoryBytes, cores] = await Promise.all([
    findGpus(platform, arch),
    platform === 'darwin' ? darwinFlags() : linuxFlags(info),
    memoryHere(),
    coresHere(info),
  ])
  return { platform, arch, cpu: cpus()[0]?.model.trim() ?? arch, cores, cpuFlags, memoryBytes, gpus }
}

const needed = ['avx2', 'fma', 'f16c']

/** CPU instructions that the prebuilt engines need and this machine lacks. Nothing is said where nothing is known. */
export const missingInstructions = (machine: Pick<Machine, 'arch' | 'cpuFlags'>): string[] =>
  machine.arch === 'x64' && machine.cpuFlags.size > 0
    ? needed.filter((flag) => !machine.cpuFlags.has(flag))
    : []

/** `flags : fpu vme … avx2` of the first processor. */
export const linuxFlags = (cpuinfo: string): Set<string> =>
  new Set(
    /^flags\s*:\s*(.*)$/m
      .exec(cpuinfo)?.[1]
      ?.split(/\s+/)
      .filter((flag) => flag !== '') ?? [],
  )

/** Pairs of `physical id` and `core id`: two threads of one core count once. 0 where it does not say. */
export const physicalCores = (cpuinfo: string): number =>
  new Set(
    cpuinfo.split(/\n\n+/).flatMap((block) => {
      const core = /^core id\s*:\s*(\d+)/m.exec(block)?.[1]
      return core === undefined ? [] : [`${/^physical id\s*:\s*(\d+)/m.exec(block)?.[1] ?? '0'}/${core}`]
    }),
  ).size

/** `nvidia-smi --query-gpu=name,memory.total --format=csv,noheader,nounits`; parts that share memory say `[N/A]`. */
export const nvidiaGpus = (csv: string): Gpu[] =>
  csv
    .split('\n')
    .map((line) => /^(.+),\s*(\S.*)$/.exec(line.trim()))
    .flatMap((match) => {
      if (match === null) return []
      const mebibytes = Number(match[2])
      const memoryBytes = Number.isFinite(mebibytes) ? mebibytes * 1024 ** 2 : undefined
      return [{ vendor: 'nvidia', name: match[1] ?? 'NVIDIA', memoryBytes } as const]
    })

const darwinFlags = async (): Promise<Set<string>> => {
  const { stdout } = await run(['sysctl', '-n', 'machdep.cpu.features', 'machdep.cpu.leaf7_features'], quick)
  return new Set(
    stdout
      .toLowerCase()
      .split(/\s+/)
      .filter((flag) => flag !== ''),
  )
}

const coresHere = async (cpuinfo: string): Promise<number> => {
  const [quota, period] = (await text('/sys/fs/cgroup/cpu.max')).split(/\s+/).map(Number)
  const granted =
    quota !== undefined && period !== undefined && quota > 0 ? Math.ceil(quota / period) : Infinity
  const physical = physicalCores(cpuinfo)
  return Math.max(1, Math.min(granted, availableParallelism(), physical > 0 ? physical : Infinity))
}

const memoryHere = async (): Promise<number> => {
  const limit = Number(await text('/sys/fs/cgroup/memory.max'))
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem()
}

const findGpus = async (platform: string, arch: string): Promise<Gpu[]> => {
  if (platform === 'darwin') {
    return arch === 'arm64'
      ? [{ vendor: 'apple', name: cpus()[0]?.model ?? 'Apple', memoryBytes: totalmem() }]
      : []
  }
  const query = ['--query-gpu=name,memory.total', '--format=csv,noheader,nounits']
  const [nvidia, amd] = await Promise.all([run(['nvidia-smi', ...query], quick), amdGpus()])
  return [...(nvidia.status === 0 ? nvidiaGpus(nvidia.stdout) : []), ...amd]
}

/** The kernel's own files: there with the driver, no tool needed. */
const amdGpus = async (): Promise<Gpu[]> => {
  const cards = (await readdir(drm).catch(() => [])).filter((name) => /^card\d+$/.test(name))
  const found = cards.map(async (card): Promise<Gpu[]> => {
    const total = Number(await text(`${drm}/${card}/device/mem_info_vram_total`))
    const name = (await text(`${drm}/${card}/device/product_name`)).trim()
    return total > 0 ? [{ vendor: 'amd', name: name === '' ? 'AMD GPU' : name, memoryBytes: total }] : []
  })
  return (await Promise.all(found)).flat()
}

const drm = '/sys/class/drm'
const quick = { timeoutMs: 5000 }

const text = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '')
