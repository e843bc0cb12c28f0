import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'bun:test'

import { Testbed } from '../../testing/testbed.ts'

test('a key for models and places that the config does not have is made, with a warning for each', async () => {
  using bed = new Testbed()
  writeFileSync(
    join(bed.home, 'inhouse.yaml'),
    [
      'backends: { gpu: { kind: openai-compatible, url: "http://gpu:1/v1" } }',
      'models: { small: { backend: gpu }, "qwen*": { backend: gpu } }',
      'places: { office: { kind: on-premises } }',
    ].join('\n'),
  )
  const wanted = ['--models', 'small,smal,qwen3-8b,q*,later', '--places', 'local,office,mars']
  const { id, key, warnings } = (await bed.json(['keys', 'create', '--name', 'a', ...wanted])) as {
    id: string
    key: string
    warnings: string[]
  }
  expect([id, key]).toEqual([expect.stringMatching(/^key_/), expect.stringMatching(/^ih-/)])
  expect(warnings).toEqual([
    'There is no model named smal; did you mean small? The config has small, qwen*.',
    'There is no model named later. The config has small, qwen*.',
    'There is no place named mars. The config has local, tenant, cloud, office.',
  ])
  const { code, out, err } = await bed.run(['keys', 'create', '--name', 'b', '--models', 'later'])
  expect({ code, out }).toEqual({ code: 0, out: expect.stringMatching(/^ih-\w+\n$/) })
  expect(err).toContain('There is no model named later.')
})

test('a broken config does not keep a key from being made', async () => {
  using bed = new Testbed()
  writeFileSync(join(bed.home, 'inhouse.yaml'), 'listen: nowhere\n')
  const made = await bed.json(['keys', 'create', '--name', 'a', '--models', 'x'])
  expect(made).toMatchObject({ warnings: [expect.stringContaining('were not looked at')] })
})

test('each refusal about a key says what is the case and what can be done, once', async () => {
  using bed = new Testbed()
  const told = async (...args: string[]): Promise<string> => (await bed.run(['keys', ...args])).err
  await bed.run(['keys', 'create', '--name', 'alice'])
  expect(await told('create', '--name', 'alice')).toMatch(
    /^inhouse: key_\w+ is already called alice\.\n→ .*`inhouse keys revoke alice`/,
  )
  expect(await told('revoke', 'alcie')).toBe(
    'inhouse: There is no key named alcie; did you mean alice?\n→ `inhouse keys list` shows the keys in force.\n',
  )
  await bed.run(['keys', 'revoke', 'alice'])
  expect(await told('revoke', 'alice')).toMatch(
    /^inhouse: alice was revoked already, on \d{4}-\d\d-\d\d \d\d:\d\d\.\n→ There is nothing to do/,
  )
  expect((await bed.run(['keys', 'create', '--name', ''])).code).toBe(2)
})

test('only a key that was asked for as an admin’s is one', async () => {
  using bed = new Testbed()
  await bed.json(['keys', 'create', '--name', 'ops', '--admin'])
  await bed.json(['keys', 'create', '--name', 'app'])
  expect(await bed.json(['keys', 'list'])).toMatchObject([
    { name: 'ops', admin: true },
    { name: 'app', admin: false },
  ])
})

test('a key that may do nothing yet can be made, as a limit of 0 in the config', async () => {
  using bed = new Testbed()
  await bed.json(['keys', 'create', '--name', 'later', '--rpm', '0', '--tpm', '0', '--concurrency', '0'])
  expect(await bed.json(['keys', 'list'])).toMatchObject([
    { limits: { requestsPerMinute: 0, tokensPerMinute: 0, concurrency: 0 } },
  ])
  expect((await bed.run(['keys', 'create', '--name', 'b', '--rpm', '-1'])).code).toBe(2)
})
