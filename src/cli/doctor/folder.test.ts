import { chownSync, mkdirSync, statfsSync, writeFileSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'bun:test'

import { checkHome } from './folder.ts'
import { checkStore } from './home.ts'

const folder = await mkdtemp(join(tmpdir(), 'inhouse-doctor-'))
const mount = (options: string, at: string): boolean =>
  Bun.spawnSync(['mount', '-t', 'tmpfs', '-o', options, 'tmpfs', at]).success
const [full, readOnly] = [join(folder, 'full'), join(folder, 'read-only')]
for (const at of [full, readOnly]) mkdirSync(at)
const isMounted = mount('size=1m', full) && mount('size=1m,ro', readOnly)
const why = isMounted ? '' : ' (skipped: only root may mount)'

beforeAll(() => {
  if (!isMounted) return
  const { bavail, bsize } = statfsSync(full)
  writeFileSync(join(full, 'ballast'), Buffer.alloc(bavail * bsize))
})
afterAll(async () => {
  for (const at of [full, readOnly]) Bun.spawnSync(['umount', at])
  await rm(folder, { recursive: true })
})

test('a home that can be written or made is well, and nothing is left in it', async () => {
  const home = join(folder, 'home')
  expect(await checkHome(home)).toMatchObject({ level: 'ok', found: expect.stringContaining('makes it') })
  mkdirSync(home)
  expect(await checkHome(home)).toMatchObject({ level: 'ok', found: `${home} can be written` })
  expect(await readdir(home)).toEqual([])
})

test('a home that is a file, or below one, is found', async () => {
  const file = join(folder, 'file')
  writeFileSync(file, '')
  for (const home of [file, join(file, 'below')])
    expect(await checkHome(home)).toMatchObject({ level: 'fail', found: `${file} is a file, not a folder.` })
})

test.skipIf(!isMounted)(`a read-only home is found, there or not${why}`, async () => {
  const found = `${readOnly} cannot be written: its file system is read-only.`
  for (const home of [readOnly, join(readOnly, 'below')])
    expect(await checkHome(home)).toMatchObject({ level: 'fail', found, help: expect.any(String) })
})

test.skipIf(!isMounted)(`a home on a full disk is found${why}`, async () => {
  expect(await checkHome(full)).toMatchObject({ level: 'fail', found: `The disk of ${full} is full.` })
})

test.skipIf(!isMounted)(`a home of somebody else is told, with whose it is${why}`, async () => {
  const home = join(folder, 'foreign')
  mkdirSync(home)
  chownSync(home, 65_534, 65_534)
  expect(await checkHome(home)).toMatchObject({
    level: 'warn',
    found: expect.stringContaining('belongs to user 65534'),
    help: expect.stringContaining('chown'),
  })
})

test('a store that cannot be opened says why, and does not send to the doctor that said it', async () => {
  const home = join(folder, 'odd')
  mkdirSync(join(home, 'inhouse.db'), { recursive: true })
  const { check } = await checkStore(home)
  expect(check).toMatchObject({ level: 'fail', found: expect.stringContaining('a folder stands there') })
  expect(check.help).not.toContain('doctor')
})
