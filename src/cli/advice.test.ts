import { expect, test } from 'bun:test'

import { betterEngine, betterModel } from './advice.ts'

const GiB = 1024 ** 3
const gpu = (vendor: 'nvidia' | 'amd' | 'apple', memory: number | undefined) => ({
  vendor,
  name: 'x',
  memoryBytes: memory === undefined ? undefined : memory * GiB,
})

test.each([
  ['a GPU with 24 GiB', [gpu('nvidia', 23.99)], 64, 'hf:Qwen/Qwen3-30B-A3B-GGUF:Q4_K_M'],
  ['a GPU with 16 GiB', [gpu('amd', 15.98)], 32, 'hf:Qwen/Qwen3-14B-GGUF:Q4_K_M'],
  ['a GPU with 8 GiB', [gpu('nvidia', 8)], 32, 'hf:Qwen/Qwen3-8B-GGUF:Q4_K_M'],
  ['a Mac with 16 GiB for everything', [gpu('apple', 16)], 16, 'hf:Qwen/Qwen3-8B-GGUF:Q4_K_M'],
  ['a CPU with 16 GiB', [], 15.6, 'hf:Qwen/Qwen3-4B-GGUF:Q4_K_M'],
  ['a GPU that does not say what it has', [gpu('nvidia', undefined)], 16, 'hf:Qwen/Qwen3-4B-GGUF:Q4_K_M'],
  ['a machine with 4 GiB', [], 4, undefined],
])('%s is advised what fits', (_, gpus, memory, source) => {
  expect(betterModel({ gpus, memoryBytes: memory * GiB })?.source).toBe(source)
})

test('no advice is larger than the memory that it was given for', () => {
  for (let memory = 1; memory <= 128; memory++) {
    expect(betterModel({ gpus: [gpu('nvidia', memory)], memoryBytes: 0 })?.bytes ?? 0).toBeLessThan(
      memory * GiB,
    )
    expect(betterModel({ gpus: [], memoryBytes: memory * GiB })?.bytes ?? 0).toBeLessThan(memory * GiB)
  }
})

test('a GPU that the engine in use leaves idle is told, one that computes and one that is not there are not', () => {
  const linux = { platform: 'linux', arch: 'x64', gpus: [gpu('nvidia', 24)] }
  expect(betterEngine(linux, 'cpu')).toBe('cuda')
  expect(betterEngine(linux, 'vulkan')).toBeUndefined()
  expect(betterEngine(linux, 'unknown')).toBeUndefined()
  expect(betterEngine(linux, undefined)).toBeUndefined()
  expect(betterEngine({ ...linux, gpus: [] }, 'cpu')).toBeUndefined()
})
