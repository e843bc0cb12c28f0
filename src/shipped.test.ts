import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { FakeModel } from './testing/fake-model.ts'
import { serveProcess, type ServeOptions } from './testing/served.ts'
import { version } from './version.ts'

/** What users are given: the package and the executable, each far from this folder. */
const root = join(import.meta.dir, '..')
const chat = { model: 'm', messages: [{ role: 'user', content: 'hi' }] }

let room = ''
let upstream: FakeModel

beforeAll(async () => {
  room = await mkdtemp(join(tmpdir(), 'inhouse-shipped-'))
  upstream = await FakeModel.start()
})

afterAll(async () => {
  await upstream[Symbol.asyncDispose]()
  await rm(room, { recursive: true, force: true })
})

async function answerOf(options: Omit<ServeOptions, 'home'>): Promise<unknown> {
  const home = await mkdtemp(join(room, 'home-'))
  await Bun.write(
    join(home, 'inhouse.yaml'),
    `backends: { one: { kind: openai-compatible, url: ${upstream.url}/v1, place: local } }\nmodels: { m: { backend: one } }\n`,
  )
  await using served = await serveProcess({ home, ...options })
  return (await served.post('/v1/chat/completions', chat)).json()
}

const answered = { object: 'chat.completion', choices: [{ message: { content: 'Hello there.' } }] }

describe('the package that `npm pack` makes', () => {
  let files: readonly string[] = []
  let installed = ''
  let elsewhere = ''

  beforeAll(async () => {
    const packed = await Bun.$`npm pack --ignore-scripts --json --pack-destination ${room}`
      .cwd(root)
      .quiet()
      .json()
    const [{ filename, files: listed }] = packed as [{ filename: string; files: { path: string }[] }]
    files = listed.map(({ path }) => path)
    installed = join(room, 'installed')
    elsewhere = join(room, 'elsewhere')
    await mkdir(elsewhere)
    await Bun.$`npm install --prefix ${installed} --ignore-scripts --prefer-offline --no-audit --no-fund ${join(room, filename)}`
      .cwd(room)
      .quiet()
  }, 300_000)

  test('holds the program, and no tests, fixtures or helpers of theirs', () => {
    for (const path of ['bin/inhouse.js', 'src/main.ts', 'LICENSE', 'README.md'])
      expect(files).toContain(path)
    expect(files.filter((path) => /test|fixture|fake|contract|mock|child/.test(path))).toEqual([])
    expect(files.filter((path) => !/^(bin|src)\/|^[A-Z]+(\.md)?$|^package\.json$/.test(path))).toEqual([])
  })

  test('brings no tool that only developers need, and nothing that is compiled at the installation', async () => {
    const brought = await readdir(join(installed, 'node_modules'))
    expect(brought).toContain('zod')
    for (const tool of ['typescript', 'openai', 'fast-check', 'oxlint']) expect(brought).not.toContain(tool)
    const scripts = await Bun.$`grep -lE '"(pre|post)?install":' -r --include=package.json node_modules`
      .cwd(installed)
      .nothrow()
      .quiet()
      .text()
    expect(scripts).toBe('')
  })

  test('works as `npx inhouse`', async () => {
    const run = await Bun.$`npx inhouse --version`.cwd(installed).quiet()
    expect(run.stdout.toString()).toBe(`${version}\n`)
  })

  test('answers through `npx inhouse serve`, started in another folder', async () => {
    const command = ['npx', '--prefix', installed, 'inhouse']
    expect(await answerOf({ command, cwd: elsewhere, asGroup: true })).toMatchObject(answered)
  })
})

describe('the executable that `npm run build` makes', () => {
  let executable = ''

  beforeAll(async () => {
    const folder = await mkdtemp(join(room, 'executable-'))
    executable = join(folder, 'inhouse')
    await Bun.$`npm run build -- ${executable}`.cwd(root).quiet()
    expect(await readdir(folder)).toEqual(['inhouse'])
  }, 300_000)

  test('answers by itself: an empty environment, nothing beside it', async () => {
    expect(await answerOf({ command: [executable], env: {} })).toMatchObject(answered)
  })

  test('runs no code and takes no environment from the folder that it is run in', async () => {
    const folder = await mkdtemp(join(room, 'foreign-'))
    const home = join(folder, 'home')
    await Bun.write(join(folder, 'bunfig.toml'), 'preload = ["./preload.ts"]')
    await Bun.write(join(folder, 'preload.ts'), 'process.exit(7)')
    await Bun.write(join(folder, '.env'), 'INHOUSE_HOME=taken')
    const run = Bun.spawn([executable, 'keys', 'create', '--name', 'a'], {
      cwd: folder,
      env: { HOME: home },
      stdout: 'ignore',
      stderr: 'ignore',
    })
    expect(await run.exited).toBe(0)
    expect(await readdir(folder)).not.toContain('taken')
  })
})
