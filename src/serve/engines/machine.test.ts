import { expect, test } from 'bun:test'

import { linuxFlags, missingInstructions, nvidiaGpus, physicalCores, readMachine } from './machine.ts'

const cpuinfo = `processor\t: 0
physical id\t: 0
core id\t\t: 0
flags\t\t: fpu sse2 avx2 fma f16c

processor\t: 1
physical id\t: 0
core id\t\t: 0
flags\t\t: fpu sse2 avx2 fma f16c

processor\t: 2
physical id\t: 1
core id\t\t: 0
flags\t\t: fpu sse2 avx2 fma f16c
`

test('two threads of a core are one core, the same core id on another chip is another', () => {
  expect(physicalCores(cpuinfo)).toBe(2)
  expect(physicalCores('processor\t: 0\nBogoMIPS\t: 50.0\n')).toBe(0)
})

test('a CPU without AVX2 is told apart from one that nothing is known of', () => {
  const cpuFlags = linuxFlags(cpuinfo)
  expect(missingInstructions({ arch: 'x64', cpuFlags })).toEqual([])
  expect(missingInstructions({ arch: 'x64', cpuFlags: new Set(['sse2', 'fma']) })).toEqual(['avx2', 'f16c'])
  expect(missingInstructions({ arch: 'x64', cpuFlags: new Set() })).toEqual([])
  expect(missingInstructions({ arch: 'arm64', cpuFlags: new Set(['asimd']) })).toEqual([])
})

test('graphics cards are read from nvidia-smi, also where their memory is shared', () => {
  expect(nvidiaGpus('NVIDIA H200, 143771\nNVIDIA GB10, [N/A]\n')).toEqual([
    { vendor: 'nvidia', name: 'NVIDIA H200', memoryBytes: 143771 * 1024 ** 2 },
    { vendor: 'nvidia', name: 'NVIDIA GB10', memoryBytes: undefined },
  ])
  expect(nvidiaGpus('')).toEqual([])
})

test('this machine has a name, a core and memory', async () => {
  const machine = await readMachine()
  expect(machine.cpu).not.toBe('')
  expect(machine.cores).toBeGreaterThan(0)
  expect(machine.memoryBytes).toBeGreaterThan(2 ** 28)
})
