import { expect, test } from 'bun:test'

import { engineCommand, engineEnvironment } from './command.ts'
import type { EngineProgram, EngineRow } from './engine.ts'

const row: EngineRow = { row: 'small', modelPath: '/m.gguf', context: 4096, slots: 4 }
const facts = {
  apiKey: 'secret-key',
  port: 4567,
  cores: 2,
  memoryBytes: 16 * 1024 ** 3,
  devices: undefined,
  folder: '/files',
  env: { PATH: '/bin' },
}
const binary: EngineProgram = {
  kind: 'llama-server',
  version: '9000',
  path: '/opt/llama/llama-server',
  accelerator: 'unknown',
  flags: new Set(['--jinja', '--metrics']),
}
const wheel: EngineProgram = {
  kind: 'xllamacpp',
  version: '1',
  folder: '/e',
  python: '/usr/bin/python3',
  accelerator: 'cpu',
}

const paramsOf = (program: EngineProgram, change: Partial<EngineRow> = {}) => {
  const { env } = engineCommand(program, { ...row, ...change }, facts)
  return (JSON.parse(env['INHOUSE_ENGINE'] ?? '') as { params: Record<string, unknown> }).params
}

test('the key is in the environment and never among the words that ps shows', () => {
  for (const program of [binary, wheel]) {
    const { argv, env } = engineCommand(program, row, facts)
    expect(argv.join(' ')).not.toContain('secret-key')
    expect(JSON.stringify(env)).toContain('secret-key')
  }
})

test('each slot has the whole context of the row; without one the model’s own is asked for', () => {
  expect(paramsOf(wheel)).toMatchObject({ n_ctx: 16384, n_parallel: 4 })
  expect(paramsOf(wheel, { context: 0 })).toMatchObject({ n_ctx: 0 })
  const { argv } = engineCommand(binary, row, facts)
  expect(argv[argv.indexOf('--ctx-size') + 1]).toBe('16384')
})

test('what a row says reaches the engine, and what it does not say is left to it', () => {
  const said = {
    threads: 7,
    gpuLayers: 5,
    template: 'T',
    mmproj: '/p',
    cacheTypeK: 'q8_0',
    pooling: 'cls',
  } as const
  expect(paramsOf(wheel, said)).toMatchObject({
    cpuparams: { n_threads: 7 },
    n_gpu_layers: 5,
    chat_template: 'T',
    mmproj: { path: '/p' },
    cache_type_k: { enum: 'ggml_type', name: 'GGML_TYPE_Q8_0' },
    pooling_type: { enum: 'llama_pooling_type', name: 'LLAMA_POOLING_TYPE_CLS' },
  })
  const words = engineCommand(binary, { ...row, ...said, extraArgs: ['--mlock'] }, facts).argv.join(' ')
  expect(words).toContain('--n-gpu-layers 5 --cache-type-k q8_0 --chat-template T')
  expect(words).toEndWith('--mlock')
  expect(engineCommand(binary, row, facts).argv).not.toContain('--n-gpu-layers')
  expect(paramsOf(wheel)).not.toHaveProperty('n_gpu_layers')
  expect(paramsOf(wheel, { pooling: 'none' })).not.toHaveProperty('embedding')
})

test('switches that a llama-server does not know are not given to it', () => {
  const { argv } = engineCommand(binary, row, facts)
  expect(argv).toContain('--jinja')
  expect(argv).not.toContain('--offline')
})

test('command-line words for the package are refused, since it has no command line', () => {
  expect(() => engineCommand(wheel, { ...row, extraArgs: ['--mlock'] }, facts)).toThrow('llama-server binary')
})

test('an engine gets devices and paths from our environment, no keys and no proxies', () => {
  const env = {
    PATH: '/bin',
    CUDA_VISIBLE_DEVICES: '1',
    LC_ALL: 'C',
    HTTP_PROXY: 'x',
    LLAMA_ARG_HOST: 'x',
    A_KEY: 'x',
  }
  expect(engineEnvironment(env)).toEqual({ PATH: '/bin', CUDA_VISIBLE_DEVICES: '1', LC_ALL: 'C' })
})
