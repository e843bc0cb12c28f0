import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { stringify } from 'yaml'

import { Failure } from '../../core/failure.ts'
import { ConfigInvalid } from '../problem.ts'
import { loadConfig } from '../load.ts'
import { renderConfig } from '../render.ts'
import type { Imported } from './imported.ts'
import { importLitellm } from './litellm.ts'
import { importLlamaSwap } from './llama-swap.ts'
import { importOllama } from './ollama.ts'

const folder = mkdtempSync(join(tmpdir(), 'inhouse-import-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const fixtures = join(import.meta.dir, '..', '..', '..', 'fixtures', 'import')

/** Every variable that a config names, as whatever it stands for would be. */
const load = (text: string) => {
  const file = join(folder, 'inhouse.yaml')
  const named = [...text.matchAll(/\$\{(\w+)\}/g)].map(([, name = '']) => [name, 'http://filled.example'])
  return import('node:fs').then(({ writeFileSync }) => {
    writeFileSync(file, text)
    return loadConfig({ file, home: folder, env: Object.fromEntries(named), cwd: folder })
  })
}

const golden = async (name: string, { config, notes }: Imported): Promise<void> => {
  const lines = notes.map(({ line, kind, path, text }) => `${line} ${kind} ${path}: ${text}\n`)
  const text = `${renderConfig(config)}---\n${lines.join('')}`
  const file = join(fixtures, `${name}.golden`)
  if (process.env['UPDATE_GOLDEN'] === '1') await Bun.write(file, text)
  expect(text).toBe(await Bun.file(file).text())
}

const readers = [
  ['litellm', importLitellm],
  ['llama-swap', importLlamaSwap],
] as const

test.each(readers)('%s: the config and all that is said of it are as they were', async (name, read) => {
  await golden(name, read(await Bun.file(join(fixtures, `${name}.yaml`)).text()))
})

test.each(readers)(
  '%s: what comes of it is right, and no secret is in it or in what is said',
  async (name, read) => {
    const imported = read(await Bun.file(join(fixtures, `${name}.yaml`)).text())
    expect(Object.keys((await load(renderConfig(imported.config))).config.models).length).toBeGreaterThan(3)
    expect(JSON.stringify(imported)).not.toContain('clear-secret')
  },
)

/** Each value with a word of its own, so that it is seen where it went. */
const leavesOf = (value: unknown, path = ''): readonly (readonly [string, unknown])[] => {
  if (value === null || typeof value !== 'object') return [[path, value]]
  return Object.entries(value).flatMap(([key, item]) =>
    leavesOf(item, Array.isArray(value) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`),
  )
}

test.each(readers)('%s: nothing is lost in silence', async (name, read) => {
  const text = await Bun.file(join(fixtures, `${name}.yaml`)).text()
  const marked = `${text}\nunheard_of:\n  deep: [1, { er: two }]\n`
  const told = read(marked).notes.filter(({ kind }) => kind === 'left')
  for (const path of ['unheard_of.deep[0]', 'unheard_of.deep[1].er'])
    expect(told.map((note) => note.path)).toContain(path)
  expect(told.every(({ line }) => line > 0)).toBe(true)
})

test('what is not YAML is refused with its line and without a word of it', () => {
  for (const [, read] of readers) {
    expect(() => read('a: 1\nb: [sk-secret')).toThrow(/^It is not YAML, in line \d\.$/)
    expect(() => read(`a: &a [x]\n${'b: [*a, *a]\n'.repeat(80)}`)).toThrow(Failure)
  }
})

test('an Ollama’s models become rows; what its cloud runs goes to a backend of a third party', async () => {
  const models = [
    { name: 'qwen3:8b' },
    { name: 'llama3.2:latest' },
    { name: 'big:cloud', remoteHost: 'https://ollama.com' },
  ]
  const { config, notes } = importOllama('http://127.0.0.1:11434', models)
  expect(config).toEqual({
    backends: {
      ollama: { kind: 'ollama', url: 'http://127.0.0.1:11434' },
      'ollama-cloud': { kind: 'ollama', url: 'http://127.0.0.1:11434', place: 'cloud' },
    },
    models: {
      'qwen3:8b': { backend: 'ollama' },
      'llama3.2': { backend: 'ollama', model: 'llama3.2:latest' },
      'big:cloud': { backend: 'ollama-cloud' },
    },
  })
  expect(notes.map(({ path }) => path)).toEqual(['big:cloud'])
  await load(renderConfig(config))
})

const word = fc.oneof(
  fc.constantFrom(
    'openai/gpt-4o',
    'azure/x',
    'claude-*',
    '*',
    'os.environ/KEY',
    'http://a:1/v1',
    '${PORT}',
    '${env.X}',
  ),
  fc.constantFrom(
    'llama-server --port ${PORT} -m a',
    'x --port ${PORT} "q',
    'http://127.0.0.1:${PORT}',
    '__proto__',
  ),
  fc.string({ maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 6 }),
)
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    word,
    fc.double(),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    tie('list'),
    tie('map'),
  ),
  list: fc.array(tie('any'), { maxLength: 3 }),
  map: fc.dictionary(word, tie('any'), { maxKeys: 3 }),
})).any
const like = (keys: readonly string[]) =>
  fc.dictionary(fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...keys) }, word), fc.oneof(word, value), {
    maxKeys: 9,
  })

const paramKeys =
  'model api_base api_key api_version custom_llm_provider temperature max_tokens seed rpm tpm extra_headers'.split(
    ' ',
  )
const litellmLike = fc.record(
  {
    model_list: fc.array(
      fc.record(
        { model_name: word, litellm_params: fc.oneof(like(paramKeys), value), model_info: value },
        { requiredKeys: ['model_name', 'litellm_params'] },
      ),
      { maxLength: 5 },
    ),
    litellm_settings: fc.oneof(
      value,
      fc.record({
        fallbacks: fc.array(fc.dictionary(word, fc.array(word))),
        num_retries: fc.oneof(fc.double(), fc.nat()),
      }),
    ),
    router_settings: fc.record({ model_group_alias: fc.dictionary(word, word), cooldown_time: fc.double() }),
    general_settings: value,
  },
  { requiredKeys: [] },
)
const modelKeys =
  'cmd proxy checkEndpoint ttl env aliases useModelName concurrencyLimit macros filters'.split(' ')
const llamaSwapLike = fc.record(
  {
    models: fc.dictionary(word, fc.oneof(like(modelKeys), value), { maxKeys: 4 }),
    macros: fc.dictionary(word, word),
    peers: fc.dictionary(word, like(['proxy', 'apiKey', 'models'])),
    selectors: fc.dictionary(word, fc.record({ strategy: word, targets: fc.array(word) })),
    healthCheckTimeout: fc.oneof(fc.double(), fc.nat()),
    globalTTL: fc.oneof(fc.double(), fc.nat()),
    logLevel: word,
    other: value,
  },
  { requiredKeys: [] },
)

test.each([
  ['litellm', importLitellm, fc.oneof(litellmLike, value)],
  ['llama-swap', importLlamaSwap, fc.oneof(llamaSwapLike, value)],
] as const)(
  '%s: any YAML becomes a right config, and what is not in it is named',
  async (_name, read, files) => {
    await fc.assert(
      fc.asyncProperty(files, async (file) => {
        const text = stringify(file)
        let imported: Imported
        try {
          imported = read(text)
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(Failure)
          return
        }
        const { config, notes } = imported
        const out = renderConfig(config)
        const loaded = await load(out).catch((thrown: unknown) => {
          throw thrown instanceof ConfigInvalid ? new Error(`${thrown.message}\n${out}\n${text}`) : thrown
        })
        expect(Object.keys(loaded.config.models).length >= Object.keys(config['models'] ?? {}).length).toBe(
          true,
        )
        // A model is in the config, or it is said why not.
        const wanted = leavesOf(file).some(([path]) => /^(?:model_list\[|models\.)/.test(path))
        if (wanted) expect(config['models'] !== undefined || notes.length > 0).toBe(true)
      }),
      { numRuns: Math.ceil(Number(process.env['PROPERTY_RUNS'] ?? 1000) / 3) },
    )
  },
  120_000,
)
