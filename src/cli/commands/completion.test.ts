import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'bun:test'

import { namedPlaces, pathsOf } from '../completion/paths.ts'
import { buildProgram } from '../main.ts'
import { Testbed } from '../../testing/testbed.ts'
import { commands } from './index.ts'

const bed = new Testbed()
const inhouse = join(bed.home, 'bin', 'inhouse')
const scripts = {
  bash: join(bed.home, 'c.bash'),
  zsh: join(bed.home, 'c.zsh'),
  fish: join(bed.home, 'c.fish'),
}

beforeAll(async () => {
  const main = join(import.meta.dir, '..', '..', 'main.ts')
  mkdirSync(join(bed.home, 'bin'))
  writeFileSync(inhouse, `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`)
  chmodSync(inhouse, 0o755)
  writeFileSync(
    join(bed.home, 'inhouse.yaml'),
    [
      'backends: { gpu: { kind: openai-compatible, url: "http://gpu:1/v1" } }',
      'models: { small: { backend: gpu }, "qwen3:4b": { backend: gpu }, "any*": { backend: gpu } }',
    ].join('\n'),
  )
  await bed.run(['keys', 'create', '--name', 'alice'])
  await bed.run(['keys', 'create', '--name', 'größe@team:1'])
  for (const [shell, file] of Object.entries(scripts))
    writeFileSync(file, (await bed.run(['completion', shell])).out)
  return () => bed[Symbol.dispose]()
})

const cases = [
  ['inhouse ke', 'keys'],
  ['inhouse keys re', 'revoke'],
  ['inhouse help mod', 'models'],
  ['inhouse --home keys usage --b', '--by'],
  ['inhouse engines install --accelerator vu', 'vulkan'],
  ['inhouse engines install --accelerator=vu', 'vulkan'],
  ['inhouse keys --', '--home --config --json --quiet --help'],
  ['inhouse keys ', 'create list revoke'],
  ['inhouse bench s', 'small'],
  ['inhouse chat --model qwen3:', '4b'],
  ['inhouse keys create --places te', 'tenant'],
  ['inhouse keys revoke ', 'alice größe@team:1'],
] as const

test.each(cases)('bash completes `%s` with %s', (line, words) => {
  const program = `source ${scripts.bash}; COMP_LINE="${line}" COMP_POINT=${line.length}; _inhouse ${inhouse}; echo "\${COMPREPLY[@]}"`
  const env = { PATH: process.env['PATH'], HOME: bed.home, INHOUSE_HOME: bed.home }
  const { stdout, stderr } = Bun.spawnSync(['bash', '-uc', program], { env })
  expect([stderr.toString(), stdout.toString().trim()]).toEqual(['', words])
})

test.each(['--home ', 'store backup ', '--config'])(
  'bash offers files and no words of ours: `%s`',
  (rest) => {
    const line = `inhouse ${rest}`
    const program = `source ${scripts.bash}; COMP_LINE="${line} " COMP_POINT=${line.length + 1}; _inhouse ${inhouse}; echo "\${#COMPREPLY[@]}"`
    expect(Bun.spawnSync(['bash', '-uc', program]).stdout.toString().trim()).toBe('0')
  },
)

test.each(['bash', 'zsh', 'fish'] as const)('%s finds no mistake in its script', async (shell) => {
  if (Bun.which(shell) !== null)
    expect(Bun.spawnSync([shell, '-n', scripts[shell]]).stderr.toString()).toBe('')
  const script = await Bun.file(scripts[shell]).text()
  for (const { name } of commands) expect(script).toContain(name)
})

test('every place where names are completed is there', async () => {
  const paths = pathsOf(await buildProgram(() => true))
  const places = paths.flatMap(({ path, options }) => [path, ...options.map(({ flag }) => `${path} ${flag}`)])
  expect(places).toEqual(expect.arrayContaining(Object.keys(namedPlaces)))
})

test('asking for names makes no home', async () => {
  const home = join(bed.home, 'none')
  for (const kind of ['models', 'places', 'keys']) {
    expect((await bed.run(['completion', kind], { INHOUSE_HOME: home })).code).toBe(0)
  }
  expect(await Bun.file(join(home, 'inhouse.db')).exists()).toBe(false)
})
