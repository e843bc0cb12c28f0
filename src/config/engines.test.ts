import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { loadConfig, type Loaded } from './index.ts'
import { ConfigInvalid } from './problem.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inhouse-engine-rows-'))
})
afterAll(() => rm(folder, { recursive: true }))

const load = async (rows: string, more = '', named = true): Promise<Loaded> => {
  const file = join(folder, 'inhouse.yaml')
  await writeFile(file, `models:\n${rows}\n${more}`)
  return loadConfig({
    ...(named ? { file } : { here: true }),
    home: join(folder, 'home'),
    env: {},
    cwd: folder,
  })
}

const problems = async (rows: string, more = '', named = true): Promise<readonly string[]> => {
  const thrown = await load(rows, more, named).catch((error: unknown) => error)
  if (!(thrown instanceof ConfigInvalid)) return []
  return thrown.problems.map(({ path, text }) => `${path} ${text}`)
}

test('each engine takes its rows, and sizes may be written as people write them', async () => {
  const { config } = await load(
    `  a: { backend: here, engine: vllm, source: "file:/m", gpus: [0, 1], memoryBytes: 20GiB, extraArgs: [--x] }
  b: { backend: here, engine: sglang, source: "file:/m", gpus: 2, priority: 5, adapters: { law: { path: /law } } }
  c: { backend: here, engine: ollama, model: "qwen3:8b", context: 8192 }
  d: { backend: here, engine: mlx-lm, source: "file:/m" }
  e: { backend: here, engine: command, command: { run: [serve, "{port}"], speaks: vllm }, env: { KEY: "{key}" } }
  f: { backend: here, source: "file:/m.gguf", gpuLayers: 3, startTimeoutMs: 5, memoryBytes: 5 }`,
    'engines: { memoryBytes: 1.5MB, gpuMemoryBytes: 1KiB, programs: { vllm: /opt/vllm } }',
  )
  expect(config.models['a']?.memoryBytes).toBe(20 * 1024 ** 3)
  expect(config.models['f']?.memoryBytes).toBe(5)
  expect(config.models['e']?.command).toEqual({ run: ['serve', '{port}'], health: '/health', speaks: 'vllm' })
  expect(config.engines).toMatchObject({ memoryBytes: 1_500_000, gpuMemoryBytes: 1024, maxWaiting: 256 })
})

test('what an engine cannot be told is refused, and what it must be told is asked for', async () => {
  const wrong = await problems(`  a: { backend: here, engine: vllm, source: "file:/m", gpuLayers: 3 }
  b: { backend: here, engine: ollama, adapters: { x: { path: /x } } }
  c: { backend: here, engine: command }
  d: { backend: here, engine: command, command: { run: [x], speaks: klingon } }
  e: { backend: here, engine: vllm }
  f: { backend: here, engine: vlm, source: "file:/m" }
  g: { backend: here, source: "file:/m", memoryBytes: much }
  h: { backend: here, engine: vllm, source: "file:/m", gpus: [0, 0] }`)
  expect(wrong).toEqual([
    'models.a.gpuLayers is not for engine: vllm',
    'models.b.adapters is not for engine: ollama',
    'models.c has no `command`, which engine: command needs',
    expect.stringContaining('models.d.command.speaks names a kind of backend that is not there'),
    'models.e has no `source`, and its backend runs the model itself',
    expect.stringContaining('models.f.engine must be one of llama-server, vllm'),
    expect.stringContaining('models.g.memoryBytes'),
    'models.h.gpus names an accelerator twice',
  ])
})

test('a file that was only found may not say which programs run, nor with which environment', async () => {
  const rows = `  a: { backend: here, engine: command, command: { run: [x] }, env: { LD_PRELOAD: x }, extraArgs: [y] }`
  const refused = await problems(rows, 'engines: { programs: { vllm: /x } }', false)
  const paths = ['engines.programs', 'models.a.command', 'models.a.env', 'models.a.extraArgs']
  for (const path of paths) expect(refused.join('\n')).toContain(`${path} is not taken from a file`)
  expect(await problems(rows)).toEqual([])
})
