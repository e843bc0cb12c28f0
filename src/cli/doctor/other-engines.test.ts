import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'bun:test'

import { loadConfig } from '../../config/index.ts'
import type { Check } from './check.ts'
import { checkLocalModels } from './engine.ts'

const folder = await mkdtemp(join(tmpdir(), 'inhouse-engines-'))
afterAll(() => rm(folder, { recursive: true }))

const program = async (name: string, script = 'exit 0'): Promise<string> => {
  const path = join(folder, name)
  await Bun.write(path, `#!/bin/sh\n${script}\n`)
  await chmod(path, 0o755)
  return path
}

const machine = {
  platform: 'darwin',
  arch: 'arm64',
  cpu: 'M',
  cores: 2,
  memoryBytes: 8e9,
  gpus: [],
  cpuFlags: new Set<string>(),
}

/** What the doctor says of rows like these on such a machine. */
const said = async (models: object, { platform = 'darwin', engines = {} } = {}): Promise<Check[]> => {
  const rows = Object.entries(models).map(([name, row]) => [name, { backend: 'here', ...row }])
  const config = { backends: { here: { kind: 'managed' } }, engines, models: Object.fromEntries(rows) }
  const file = join(folder, 'inhouse.yaml')
  await Bun.write(file, JSON.stringify(config))
  const loaded = loadConfig({ file, env: {}, flags: {}, home: folder, cwd: folder })
  return checkLocalModels({
    home: folder,
    config: loaded.config,
    machine: { ...machine, platform },
    env: { PATH: folder },
  })
}

const source = `file:${folder}/none`
const each = { vllm: ['vllm'], sglang: ['python3'], ollama: ['ollama'], 'mlx-lm': ['mlx_lm.server'] }

test.each(Object.entries(each))(
  '%s is told as missing, with how to get it, until it is there',
  async (engine, [name = '']) => {
    const models = { a: { engine, source }, b: { engine, source } }
    const [missing, ...others] = await said(models)
    expect(missing).toMatchObject({
      level: 'fail',
      what: `engine ${engine}`,
      found: expect.stringContaining(name),
      help: expect.stringMatching(/^(`uv |https:).*Or name its program in `engines\.programs\./),
    })
    // Once for both rows; and llama.cpp, which nobody asks for, is not looked for.
    expect(others.filter(({ what }) => what.startsWith('engine'))).toEqual([])
    const path = await program(name)
    expect((await said(models))[0]).toEqual({ level: 'ok', what: `engine ${engine}`, found: path })
    await rm(path)
  },
)

test('a program that the config names and that is not there is told', async () => {
  const [check] = await said(
    { a: { engine: 'vllm', source } },
    { engines: { programs: { vllm: '/no/vllm' } } },
  )
  expect(check).toMatchObject({ level: 'fail', found: expect.stringContaining('/no/vllm') })
})

test('a Python without SGLang is not SGLang', async () => {
  const path = await program('python3', 'exit 1')
  const [check] = await said({ a: { engine: 'sglang', source } })
  expect(check).toMatchObject({ level: 'fail', found: `${path} has no sglang.`, help: expect.any(String) })
  await rm(path)
})

test('MLX-LM is not asked for where it cannot run', async () => {
  const [check] = await said({ a: { engine: 'mlx-lm', source } }, { platform: 'linux' })
  expect(check).toMatchObject({
    level: 'fail',
    found: expect.stringContaining('Apple'),
    help: expect.any(String),
  })
})

test('the command of each row is looked for, and a row without a source has no model to look for', async () => {
  const path = await program('serve')
  const engine = 'command'
  expect(
    await said({
      a: { engine, command: { run: ['serve'] } },
      b: { engine, command: { run: ['./nowhere'] } },
    }),
  ).toEqual([
    { level: 'ok', what: 'engine of a', found: path },
    {
      level: 'fail',
      what: 'engine of b',
      found: './nowhere is no program here.',
      help: expect.stringContaining('models.b.command.run'),
    },
  ])
})
