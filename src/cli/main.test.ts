import { chmodSync, cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'bun:test'

import { commands } from './commands/index.ts'
import { Testbed } from '../testing/testbed.ts'
import { version } from '../version.ts'

test('`--version` prints the version of the package and nothing else', async () => {
  using bed = new Testbed()
  expect(await bed.run(['--version'])).toEqual({ code: 0, out: `${version}\n`, err: '' })
})

test('with --json the version is a document too', async () => {
  using bed = new Testbed()
  expect(JSON.parse((await bed.run(['--version', '--json'])).out)).toEqual({ version })
})

test('`help keys create` is `keys create --help`, and help of what there is not is refused', async () => {
  using bed = new Testbed()
  const help = await bed.run(['help', 'keys', 'create'])
  expect(help).toEqual(await bed.run(['keys', 'create', '--help']))
  expect({ code: help.code, out: help.out }).toEqual({ code: 0, out: expect.stringContaining('--rpm <n>') })
  for (const args of [
    ['help', 'keyz'],
    ['keyz', '--help'],
    ['keys', 'creat', '--help'],
  ]) {
    const { code, out, err } = await bed.run(args)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toContain('Did you mean')
  }
})

test('a command is missing: people get the help, programs an error that names what there is', async () => {
  using bed = new Testbed()
  const people = await bed.run(['keys'])
  expect({ code: people.code, out: people.out }).toEqual({ code: 2, out: '' })
  expect(people.err).toContain('take a key out of force')
  const program = await bed.run(['keys', '--json'])
  expect({ code: program.code, err: program.err }).toEqual({ code: 2, err: '' })
  expect(JSON.parse(program.out)).toMatchObject({
    error: { code: 'usage_wrong', message: 'A command is missing: create, list, revoke.' },
  })
})

test('wrong usage points to the help of its own command', async () => {
  using bed = new Testbed()
  expect((await bed.run(['keys', 'create'])).err).toContain('→ `inhouse keys create --help`')
  expect((await bed.run(['nonsense'])).err).toContain('→ `inhouse --help` lists the commands')
})

test('an option that stands twice counts where it stands last', async () => {
  using bed = new Testbed()
  const other = join(bed.home, 'other')
  await bed.run(['--home', other, 'keys', 'create', '--name', 'a', '--home', bed.home])
  expect(await bed.json(['keys', 'list'])).toMatchObject([{ name: 'a' }])
})

test('a home that cannot be made is told without a trace of our own', async () => {
  using bed = new Testbed()
  writeFileSync(join(bed.home, 'file'), '')
  const { code, err } = await bed.run([
    'keys',
    'create',
    '--name',
    'a',
    '--home',
    join(bed.home, 'file', 'home'),
  ])
  expect(code).toBe(1)
  expect(err).toMatch(/^inhouse: .*file\/home cannot be written: .*\n→ .*--home/)
})

test('with --json the help is one document, of every command and wherever the options stand', async () => {
  using bed = new Testbed()
  const whole = (await bed.json(['--help'])) as { name: string; commands: { name: string }[] }
  expect(whole.name).toBe('inhouse')
  expect(whole.commands.map(({ name }) => name)).toEqual(commands.map(({ name }) => name))
  const create = await bed.json(['keys', 'create', '--help'])
  expect(create).toMatchObject({
    name: 'inhouse keys create',
    description: expect.stringContaining('Makes a key'),
    usage: 'inhouse keys create [options]',
    examples: expect.arrayContaining([
      { line: 'inhouse keys create --name alice', about: expect.any(String) },
    ]),
    exitCodes: [{ code: 0, meaning: 'done' }, { code: 1 }, { code: 2 }],
  })
  const { options } = create as { options: { flags: string; required: boolean }[] }
  expect(options.find(({ flags }) => flags === '--name <name>')?.required).toBe(true)
  expect(options.map(({ flags }) => flags)).toContain('--json')
  for (const args of [
    ['--json', 'keys', 'create', '--help'],
    ['help', 'keys', 'create'],
  ])
    expect(await bed.json(args)).toEqual(create)
})

test('without its Bun the launcher says how to install it, with --json in one document', async () => {
  using bed = new Testbed()
  cpSync(join(import.meta.dir, '..', '..', 'bin'), join(bed.home, 'bin'), { recursive: true })
  writeFileSync(join(bed.home, 'package.json'), '{"type":"module"}')
  const launch = async (...args: readonly string[]) => {
    const child = Bun.spawn([Bun.which('node') ?? 'node', join(bed.home, 'bin', 'inhouse.js'), ...args], {
      stdout: 'pipe',
      stderr: 'pipe',
    })
    const [out, err] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ])
    return { code: await child.exited, out, err }
  }
  const people = await launch('doctor')
  expect(people).toEqual({
    code: 1,
    out: '',
    err: expect.stringMatching(/^inhouse: The Bun .*\n→ Install inhouse again/),
  })
  const { out, err } = await launch('doctor', '--json')
  expect(err).toBe('')
  expect(JSON.parse(out)).toMatchObject({ error: { help: expect.stringContaining('Install inhouse again') } })
})

test('`--help` names every command of the registry', async () => {
  using bed = new Testbed()
  const { code, out } = await bed.run(['--help'])
  expect(code).toBe(0)
  for (const { name, summary } of commands)
    expect(out).toMatch(new RegExp(`^  ${name} +${RegExp.escape(summary)}$`, 'm'))
})

test('an unknown command is refused with what was perhaps meant', async () => {
  using bed = new Testbed()
  const { code, out, err } = await bed.run(['keyz'])
  expect({ code, out }).toEqual({ code: 2, out: '' })
  expect(err).toContain('Did you mean keys?')
})

test('an unknown option is refused with what was perhaps meant', async () => {
  using bed = new Testbed()
  const { code, err } = await bed.run(['usage', '--day', '3'])
  expect(code).toBe(2)
  expect(err).toContain('Did you mean --days?')
})

test.each([
  ['a command that only has others below it', ['keys']],
  ['an option without its value', ['usage', '--days']],
  ['a missing option', ['keys', 'create']],
  ['a value that is none', ['keys', 'create', '--name', 'a', '--expires', 'soon']],
  ['a grouping that is none', ['usage', '--by', 'colour']],
  ['a day that is none', ['usage', '--from', 'yesterday']],
  ['a first day after the last', ['usage', '--from', '2026-11-20', '--to', '2026-11-01']],
  ['a first day in the future', ['usage', '--from', '9999-01-01']],
  ['more days than there are', ['usage', '--days', '99999999999']],
  ['an address that is none', ['bench', '--url', 'nota']],
  ['a digest that is none', ['engines', 'install', '--sha256', 'xyz']],
  ['a file that is not there', ['engines', 'install', '--from', 'none.whl']],
  ['a version of a file', ['engines', 'install', '--from', 'a.whl', '--version', '1']],
  ['a model that is neither a name nor a source', ['models', 'pull', 'smal']],
  ['options that exclude each other', ['usage', '--days', '3', '--from', '2026-11-01']],
  ['an argument too many', ['doctor', 'now']],
  ['a source that is none', ['models', 'pull', 'ftp:x']],
  ['a model file that is not there', ['models', 'pull', 'file:/none.gguf']],
  ['a model to remove that is neither here nor a name', ['models', 'remove', 'nope']],
  ['a model to remove that is not here', ['models', 'remove', 'pypi:nope']],
  ['a key name with a quote', ['keys', 'create', '--name', 'a"b']],
  ['a key name with a space', ['keys', 'create', '--name', 'a b']],
  ['a key name that looks like an option', ['keys', 'create', '--name', '-x']],
  ['a config that is not there', ['config', 'check', '--config', 'none.yaml']],
])('wrong usage ends with 2: %s', async (_, args) => {
  using bed = new Testbed()
  expect((await bed.run(args)).code).toBe(2)
})

test('with --json a failure is one document on the standard output, and nothing is said beside it', async () => {
  using bed = new Testbed()
  await bed.run(['keys', 'create', '--name', 'a'])
  const { code, out, err } = await bed.run(['keys', 'revoke', 'nobody', '--json'])
  expect({ code, err }).toEqual({ code: 2, err: '' })
  expect(JSON.parse(out)).toEqual({
    error: { code: 'usage_wrong', message: expect.stringContaining('nobody'), help: expect.any(String) },
  })
})

test('every mistake of a broken config is told with its line', async () => {
  using bed = new Testbed()
  writeFileSync(join(bed.home, 'bad.yaml'), 'listn: 1\nmodels:\n  a: { backend: nope }\n')
  const { code, out, err } = await bed.run(['config', 'check', '--config', 'bad.yaml'])
  expect({ code, out }).toEqual({ code: 2, out: '' })
  expect(err).toMatch(/bad\.yaml:1:1.*listn/)
  expect(err).toMatch(/bad\.yaml:3:\d+.*models\.a\.backend/)
  const { error } = (await bed.json(['config', 'check', '--config', 'bad.yaml'])) as {
    error: { problems: unknown[] }
  }
  expect(error.problems).toHaveLength(2)
})

test('a right config passes the check, and the global options may stand before the command', async () => {
  using bed = new Testbed()
  writeFileSync(join(bed.home, 'good.yaml'), 'models:\n  a: { backend: here, source: "file:/x.gguf" }\n')
  const { code, out } = await bed.run(['--config', 'good.yaml', '--json', 'config', 'check'])
  expect(code).toBe(0)
  expect(JSON.parse(out)).toMatchObject({ valid: true, models: ['a'] })
})

test('`config show` is itself a config that passes the check', async () => {
  using bed = new Testbed()
  writeFileSync(join(bed.home, 'shown.yaml'), (await bed.run(['config', 'show'])).out)
  expect((await bed.run(['config', 'check', '--config', 'shown.yaml'])).err).toBe('')
})

test('a key is printed once, and afterwards nobody can read it any more', async () => {
  using bed = new Testbed()
  const made = (await bed.json(['keys', 'create', '--name', 'alice', '--tags', 'a,b', '--rpm', '60'])) as {
    id: string
    key: string
  }
  expect(Object.keys(made)).toEqual(['id', 'key'])
  expect(made.key).toMatch(/^ih-/)
  const listed = await bed.run(['keys', 'list', '--json'])
  expect(listed.out).not.toContain(made.key)
  expect(JSON.parse(listed.out)).toMatchObject([
    { id: made.id, name: 'alice', tags: ['a', 'b'], limits: { requestsPerMinute: 60 }, state: 'in force' },
  ])
})

test('a revoked key is gone from the list, and its name is free again', async () => {
  using bed = new Testbed()
  await bed.run(['keys', 'create', '--name', 'alice'])
  expect((await bed.run(['keys', 'create', '--name', 'alice'])).code).toBe(2)
  expect((await bed.run(['keys', 'revoke', 'alice'])).code).toBe(0)
  expect(await bed.json(['keys', 'list'])).toEqual([])
  expect(await bed.json(['keys', 'list', '--all'])).toMatchObject([{ state: 'revoked' }])
  expect((await bed.run(['keys', 'create', '--name', 'alice'])).code).toBe(0)
})

test('the plain output of `keys create` is the key alone, so that a script can take it', async () => {
  using bed = new Testbed()
  const { out } = await bed.run(['keys', 'create', '--name', 'ci', '--quiet'])
  expect(out).toMatch(/^ih-\w+\n$/)
})

test('usage of an empty store has no rows and a total of nought', async () => {
  using bed = new Testbed()
  await bed.run(['keys', 'create', '--name', 'a'])
  expect(await bed.json(['usage', '--by', 'model,day'])).toMatchObject({
    rows: [],
    total: { requests: 0, inputTokens: 0 },
  })
})

test('commands that only read make no home, and say that there is none', async () => {
  using bed = new Testbed()
  const home = join(bed.home, 'mistyped')
  const lines = [
    'usage',
    'explain',
    'explain req_1',
    'keys list',
    'keys revoke a',
    'store backup copy.db',
    'store migrate',
    'models remove pypi:nope',
  ]
  for (const line of lines) {
    const { code, err } = await bed.run([...line.split(' '), '--home', home])
    expect([line, code]).toEqual([line, 2])
    if (!line.startsWith('models'))
      expect(err).toContain(`There is no home of inhouse at ${home}.\n→ Check \`--home\``)
  }
  expect(existsSync(home)).toBe(false)
})

test('a store comes back from its backup', async () => {
  using bed = new Testbed()
  await bed.run(['keys', 'create', '--name', 'kept'])
  expect((await bed.run(['store', 'backup', 'copy.db'])).code).toBe(0)
  await bed.run(['keys', 'create', '--name', 'later'])
  expect((await bed.run(['store', 'restore', 'copy.db'])).code).toBe(0)
  expect(await bed.json(['keys', 'list'])).toMatchObject([{ name: 'kept' }])
})

test('a model of the config that is not here yet is listed with its name', async () => {
  using bed = new Testbed()
  expect(await bed.json(['models', 'list'])).toMatchObject([
    { names: ['small'], state: 'not here yet', bytes: null },
  ])
})

/** A PATH with nothing but what starts inhouse. */
const barePath = (home: string): string => {
  const folder = join(home, 'bin')
  mkdirSync(folder)
  symlinkSync(Bun.which('node') ?? 'node', join(folder, 'node'))
  return folder
}

interface Findings {
  readonly ok: boolean
  readonly checks: readonly { readonly level: string; readonly what: string; readonly help?: string }[]
}

const levels = (out: string): Record<string, string> =>
  Object.fromEntries((JSON.parse(out) as Findings).checks.map(({ what, level }) => [what, level]))

test('the doctor finds that there is no Python to bring the engine with', async () => {
  using bed = new Testbed()
  const { code, out } = await bed.run(['doctor', '--json'], { PATH: barePath(bed.home) })
  expect(code).toBe(1)
  expect(levels(out)).toMatchObject({ python: 'fail', config: 'ok', store: 'ok' })
})

test('the doctor finds a key that others can read, a damaged store, a model that is gone and a taken port', async () => {
  using bed = new Testbed()
  using other = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    reusePort: false,
    fetch: () => new Response(),
  })
  writeFileSync(join(bed.home, 'key'), 'ih-x')
  chmodSync(join(bed.home, 'key'), 0o644)
  writeFileSync(
    join(bed.home, 'inhouse.db'),
    'this is no database, and long enough to be seen as none'.repeat(50),
  )
  writeFileSync(
    join(bed.home, 'inhouse.yaml'),
    `listen: 127.0.0.1:${other.port}\noffline: true\nmodels:\n  gone: { backend: here, source: "file:/nowhere/x.gguf" }\n`,
  )
  const { code, out } = await bed.run(['doctor', '--json'], {
    PATH: barePath(bed.home),
    http_proxy: 'http://127.0.0.1:9',
  })
  expect(code).toBe(1)
  expect(levels(out)).toMatchObject({
    key: 'fail',
    store: 'fail',
    'model gone': 'fail',
    address: 'fail',
    engine: 'fail',
    proxy: 'warn',
    hardware: 'ok',
  })
  for (const check of (JSON.parse(out) as Findings).checks)
    expect(check.help !== undefined).toBe(check.level !== 'ok')
})

test('a broken config is one finding of the doctor, with every mistake', async () => {
  using bed = new Testbed()
  writeFileSync(join(bed.home, 'inhouse.yaml'), 'listen: nowhere\n')
  const { code, out } = await bed.run(['doctor'])
  expect(code).toBe(1)
  expect(out).toMatch(/^fail {2}config .*\n\s+inhouse\.yaml:1:1/m)
})

test('serving a config whose only model cannot be had ends with its reason', async () => {
  using bed = new Testbed()
  writeFileSync(
    join(bed.home, 'inhouse.yaml'),
    'offline: true\nmodels:\n  a: { backend: here, source: "file:/nowhere/x.gguf" }\n',
  )
  const { code, err } = await bed.run(['serve', '--listen', '127.0.0.1:0'], { PATH: barePath(bed.home) })
  expect(code).toBe(1)
  expect(err).toMatch(/^inhouse: .*x\.gguf/m)
})

test('a benchmark without a server says how to start one', async () => {
  using bed = new Testbed()
  const { code, err } = await bed.run(['bench', '--url', 'http://127.0.0.1:9'])
  expect(code).toBe(1)
  expect(err).toContain('inhouse serve')
})

test('what lies in the working directory runs nothing and is only used where that is said', async () => {
  using bed = new Testbed()
  const folder = join(bed.home, 'work')
  mkdirSync(folder)
  const home = { INHOUSE_HOME: join(bed.home, 'home') }
  const put = (name: string, text: string): void => writeFileSync(join(folder, name), text)
  put('bunfig.toml', 'preload = ["./evil.ts"]')
  put('evil.ts', 'console.error("it ran")')
  put('.env', 'INHOUSE_LOG_LEVEL=trace')
  put('inhouse.yaml', 'offline: true')
  const shown = await bed.run(['config', 'show', '--json'], home, folder)
  expect(shown.err).toMatch(/^The config is .*work\/inhouse\.yaml, found in this folder\.\n$/)
  expect(JSON.parse(shown.out)).toMatchObject({ offline: true, log: { level: 'info' } })
  const listed = await bed.run(['models', 'list', '--json'], home, folder)
  expect(listed.err).toMatch(/inhouse\.yaml is not used here: name it with --config\.\n$/)
})

test('the key of the home goes to no address that a file of the working directory names', async () => {
  using bed = new Testbed()
  const folder = join(bed.home, 'work')
  mkdirSync(folder)
  const asked: string[] = []
  using other = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: ({ url }) => {
      asked.push(url)
      return Response.json({ status: 'ok', version: '1.0.0', data: [] })
    },
  })
  writeFileSync(join(folder, 'inhouse.yaml'), `listen: 127.0.0.1:${other.port}`)
  writeFileSync(join(bed.home, 'inhouse.yaml'), 'listen: 127.0.0.1:9')
  writeFileSync(join(bed.home, 'key'), 'ih-secret')
  expect((await bed.run(['bench'], {}, folder)).err).toContain('Nobody answers at http://127.0.0.1:9')
  expect(asked).toEqual([])
})
