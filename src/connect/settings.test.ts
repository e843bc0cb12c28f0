import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { stringify as tomlOf } from 'smol-toml'
import { stringify as yamlOf } from 'yaml'

import { Failure } from '../core/failure.ts'
import { formats } from './formats/index.ts'
import type { FormatId } from './formats/format.ts'
import { applySettings, takeOut } from './settings.ts'
import type { Setting } from './tool.ts'

const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 1000)

const failureOf = (work: () => unknown): Failure => {
  try {
    work()
  } catch (thrown) {
    if (thrown instanceof Failure) return thrown
    throw thrown
  }
  throw new Error('It did not fail.')
}

test('JSON keeps its comments, trailing commas, indentation and order', () => {
  const text = `{
\t// the theme
\t"theme": "One Dark", // dark
\t"language_models": {
\t\t"openai": { "api_url": "x" },
\t},
\t"vim_mode": true,
}
`
  const settings: Setting[] = [{ path: ['language_models', 'ollama', 'api_url'], value: 'http://here' }]
  const after = applySettings(formats.jsonc, text, settings)
  expect(after).toBe(`{
\t// the theme
\t"theme": "One Dark", // dark
\t"language_models": {
\t\t"openai": { "api_url": "x" },
\t\t"ollama": {
\t\t\t"api_url": "http://here"
\t\t},
\t},
\t"vim_mode": true,
}
`)
})

test('what stands behind a member of JSON stays behind it', () => {
  const text = '{\n  "a": 1, // one\n  "b": [1] /* two */ // three\n}\n'
  const settings: Setting[] = [{ path: ['c', 'd'], value: true }]
  const after = applySettings(formats.jsonc, text, settings)
  expect(after).toBe('{\n  "a": 1, // one\n  "b": [1], /* two */ // three\n  "c": {\n    "d": true\n  }\n}\n')
  expect(takeOut(formats.jsonc, after, text, settings)).toBe(text)
})

test('a list at the top of a file, and one that is empty, get their element', () => {
  const settings: Setting[] = [{ path: [], isItem: true, value: { name: 'inhouse' } }]
  expect(applySettings(formats.jsonc, '', settings)).toBe('[\n  {\n    "name": "inhouse"\n  }\n]\n')
  expect(applySettings(formats.jsonc, '[]', settings)).toBe('[\n  {\n    "name": "inhouse"\n  }\n]')
  const two = applySettings(formats.jsonc, '[{ "name": "a" }]\n', settings)
  expect(two).toBe('[{ "name": "a" },\n  {\n    "name": "inhouse"\n  }\n]\n')
  expect(takeOut(formats.jsonc, two, '[{ "name": "a" }]\n', settings)).toBe('[{ "name": "a" }\n]\n')
})

test('TOML gets its keys before the first table, and a table of its own at the end', () => {
  const text = `# mine
model = "gpt-5" # the usual
approval_policy = "on-request"

[projects."/home/me/[x] y"]
trust_level = "trusted"
`
  const settings: Setting[] = [
    { path: ['model'], value: 'small' },
    { path: ['model_provider'], value: 'inhouse' },
    {
      path: ['model_providers', 'inhouse'],
      value: { name: 'inhouse', auth: { command: 'cat', args: ['k'] } },
    },
  ]
  const after = applySettings(formats.toml, text, settings)
  expect(after).toBe(`# mine
model = "small"
approval_policy = "on-request"
model_provider = "inhouse"

[projects."/home/me/[x] y"]
trust_level = "trusted"

[model_providers.inhouse]
name = "inhouse"
[model_providers.inhouse.auth]
command = "cat"
args = [ "k" ]
`)
})

test('YAML gets one more element of a list where the others stand, comments and all', () => {
  const text = `name: Mine # my own
version: 1.0.0
schema: v1
models:
- name: a   # first
  provider: ollama

# rules below
rules: [short]
`
  const settings: Setting[] = [
    { path: ['models'], isItem: true, value: { name: 'inhouse', roles: ['chat'] } },
  ]
  expect(applySettings(formats.yaml, text, settings)).toBe(`name: Mine # my own
version: 1.0.0
schema: v1
models:
- name: a   # first
  provider: ollama
- name: inhouse
  roles:
    - chat

# rules below
rules: [short]
`)
})

test.each([
  ['jsonc', '{ "a": 1, '],
  ['toml', 'a = = 1'],
  ['yaml', 'a: [1'],
] as const)('a file that is not %s is refused', (id, text) => {
  expect(failureOf(() => applySettings(formats[id], text, [{ path: ['b'], value: 1 }])).code).toBe(
    'file_unfit',
  )
})

test('a file that is written in a way unknown here is refused, not broken', () => {
  const inline = 'model_providers = { inhouse = { name = "old" } }\n'
  const settings: Setting[] = [{ path: ['model_providers', 'inhouse'], value: { name: 'new' } }]
  expect(failureOf(() => applySettings(formats.toml, inline, settings)).code).toBe('file_unfit')
  const long = 'model = """\nsmall\n"""\n'
  expect(failureOf(() => applySettings(formats.toml, long, [{ path: ['model'], value: 'b' }])).code).toBe(
    'file_unfit',
  )
})

test('what the user changed beside it stays when ours is taken out', () => {
  const before = '{\n  "a": 1\n}\n'
  const settings: Setting[] = [
    { path: ['env', 'KEY'], value: 'k' },
    { path: ['a'], value: 2 },
  ]
  const ours = applySettings(formats.jsonc, before, settings)
  const changed = applySettings(formats.jsonc, ours, [{ path: ['theme'], value: 'dark' }])
  expect(formats.jsonc.read(takeOut(formats.jsonc, changed, before, settings))).toEqual({
    a: 1,
    theme: 'dark',
  })
})

test('what the user put where ours stood is not taken out', () => {
  const settings: Setting[] = [{ path: ['model'], value: 'small' }]
  const changed = applySettings(formats.toml, applySettings(formats.toml, '', settings), [
    { path: ['model'], value: 'mine' },
  ])
  expect(failureOf(() => takeOut(formats.toml, changed, '', settings)).code).toBe('file_changed')
})

const name = fc.stringMatching(/^[a-z][a-z_]{0,6}$/)
const leaf = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 8 }), fc.boolean(), fc.integer())
/** Keys, and tables of keys: what all three formats have. */
const document = fc.dictionary(name, fc.oneof(leaf, fc.dictionary(name, leaf, { noNullPrototype: true })), {
  noNullPrototype: true,
})
const writers: Readonly<Record<FormatId, (value: object) => string>> = {
  jsonc: (value) => JSON.stringify(value, undefined, 2),
  toml: (value) => tomlOf(value),
  yaml: (value) => yamlOf(value),
}

test.each(['jsonc', 'toml', 'yaml'] as const)(
  'settings of %s can be taken out again, and nothing else has changed',
  (id) => {
    const format = formats[id]
    fc.assert(
      fc.property(
        document,
        name,
        leaf,
        fc.dictionary(name, leaf, { minKeys: 1, noNullPrototype: true }),
        (old, key, value, table) => {
          fc.pre(typeof old[key] !== 'object' && !Object.hasOwn(old, 'providers'))
          const before = writers[id](old)
          const settings: Setting[] = [
            { path: [key], value },
            { path: ['providers', 'inhouse'], value: table },
          ]
          const after = applySettings(format, before, settings)
          expect(format.read(after)).toEqual({ ...old, [key]: value, providers: { inhouse: table } })
          const user = applySettings(format, after, [{ path: ['zz_mine'], value: 'x' }])
          expect(format.read(takeOut(format, user, before, settings)) ?? {}).toEqual({ ...old, zz_mine: 'x' })
        },
      ),
      { numRuns: Math.min(Math.ceil(numRuns / 10), 2000) },
    )
  },
)
