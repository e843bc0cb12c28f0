import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { Failure } from '../core/failure.ts'
import { Connections } from './record.ts'
import type { FileSettings, Tool } from './tool.ts'

let folder: string
let file: string
let connections: Connections

const tool: Tool = {
  id: 'editor',
  title: 'An editor',
  docs: '',
  install: '',
  programs: [],
  folders: () => [],
  leastContext: 0,
  steps: () => [],
}

const wanted = (model: string, path = file): readonly FileSettings[] => [
  { path, format: 'jsonc', settings: [{ path: ['ai', 'model'], value: model }] },
]

const connect = async (model = 'small'): Promise<void> => {
  const plan = await connections.plan(tool, wanted(model))
  await connections.connect(tool, plan, { at: 0, url: 'http://here', model })
}

const undo = async (): Promise<void> => connections.undo(tool, await connections.planUndo(tool))

const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inhouse-connect-'))
  file = join(folder, 'config', 'editor', 'settings.json')
  connections = new Connections(join(folder, 'home'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const before = '{ // mine\n  "theme": "dark"\n}\n'

describe('a file that was there', () => {
  beforeEach(async () => {
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, before, { mode: 0o644 })
  })

  test('is written for its owner alone, with a backup, and comes back byte for byte with its mode', async () => {
    await connect()
    expect(await readFile(file, 'utf8')).toContain('"model": "small"')
    expect(await modeOf(file)).toBe(0o600)
    const { before: kept } = (await connections.find('editor'))?.files[0] ?? {}
    expect(await readFile(kept?.backup ?? '', 'utf8')).toBe(before)
    expect(await modeOf(kept?.backup ?? '')).toBe(0o600)
    await undo()
    expect(await readFile(file, 'utf8')).toBe(before)
    expect(await modeOf(file)).toBe(0o644)
    expect(await connections.find('editor')).toBeUndefined()
  })

  test('comes back as it was at first when it was connected twice', async () => {
    await connect('small')
    await connect('large')
    expect(await readFile(file, 'utf8')).toContain('"model": "large"')
    await undo()
    expect(await readFile(file, 'utf8')).toBe(before)
    expect(await modeOf(file)).toBe(0o644)
  })

  test('keeps what the user changed since, also over a second connect', async () => {
    await connect('small')
    const text = await readFile(file, 'utf8')
    await writeFile(file, text.replace('"dark"', '"light"'))
    await connect('large')
    await undo()
    expect(await readFile(file, 'utf8')).toBe(before.replace('"dark"', '"light"'))
  })

  test('is left alone when ours was changed since, and the failure names the backup', async () => {
    await connect()
    const changed = (await readFile(file, 'utf8')).replace('"small"', '"mine"')
    await writeFile(file, changed)
    const failure = await connections.planUndo(tool).catch((thrown: unknown) => thrown)
    expect(failure).toBeInstanceOf(Failure)
    expect(failure).toMatchObject({ code: 'file_changed' })
    const { before: kept } = (await connections.find('editor'))?.files[0] ?? {}
    expect((failure as Failure).message).toContain(kept?.backup ?? 'no backup')
    expect(await readFile(file, 'utf8')).toBe(changed)
  })

  test('stays a link when it is one', async () => {
    const real = join(folder, 'dotfiles.json')
    await rm(file)
    await writeFile(real, before)
    await symlink(real, file)
    await connect()
    expect((await lstat(file)).isSymbolicLink()).toBe(true)
    expect(await readFile(real, 'utf8')).toContain('small')
    await undo()
    expect(await readFile(real, 'utf8')).toBe(before)
  })

  test('is not touched when it cannot be read', async () => {
    await writeFile(file, '{ "a": ')
    await chmod(file, 0o640)
    expect(await connect().catch((thrown: unknown) => thrown)).toMatchObject({ code: 'file_unfit' })
    expect(await readFile(file, 'utf8')).toBe('{ "a": ')
    expect(await modeOf(file)).toBe(0o640)
  })
})

test('a file that was not there goes again, with the folders that were made for it', async () => {
  await connect()
  expect(await modeOf(file)).toBe(0o600)
  await undo()
  expect(await stat(join(folder, 'config')).catch(() => 'gone')).toBe('gone')
})

test('a file that was not there, and in which the user wrote since, stays with that alone', async () => {
  await connect()
  await writeFile(file, (await readFile(file, 'utf8')).replace('{', '{\n  "theme": "dark",'))
  await undo()
  expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({ theme: 'dark' })
})

test('a link to a file that is not there yet stays a link, and what it led to goes again', async () => {
  const real = join(folder, 'dotfiles', 'settings.json')
  await mkdir(dirname(file), { recursive: true })
  await symlink('../../dotfiles/settings.json', file)
  await connect()
  expect((await lstat(file)).isSymbolicLink()).toBe(true)
  expect(await readFile(real, 'utf8')).toContain('small')
  await undo()
  expect((await lstat(file)).isSymbolicLink()).toBe(true)
  expect(await stat(dirname(real)).catch(() => 'gone')).toBe('gone')
})

test('a file that a second connect leaves out gets its own mode back, and no backup of it stays', async () => {
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, before, { mode: 0o644 })
  const other = join(folder, 'other', 'settings.json')
  const plan = await connections.plan(tool, [...wanted('small'), ...wanted('small', other)])
  await connections.connect(tool, plan, { at: 0, url: 'http://here', model: 'small' })
  const again = await connections.plan(tool, wanted('small', other))
  await connections.connect(tool, again, { at: 0, url: 'http://here', model: 'small' })
  expect(await readFile(file, 'utf8')).toBe(before)
  expect(await modeOf(file)).toBe(0o644)
  expect(await readdir(join(folder, 'home', 'connect'))).toEqual(['editor.json'])
  const none = await connections.plan(tool, wanted('small'))
  await connections.connect(tool, none, { at: 0, url: 'http://here', model: 'small' })
  expect(await stat(dirname(other)).catch(() => 'gone')).toBe('gone')
})

test('what the user put back or took away by hand needs no undoing', async () => {
  await connect()
  await rm(file)
  await undo()
  expect(await connections.find('editor')).toBeUndefined()
})
