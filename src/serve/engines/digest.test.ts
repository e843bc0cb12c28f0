import { expect, test } from 'bun:test'
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { contentDigest } from './digest.ts'

const files = {
  'x/__init__.py': 'import y',
  'x/lib.so': 'machine code',
  'x-1.dist-info/METADATA': 'Name: x',
  'x-1.dist-info/RECORD': 'x/__init__.py,sha256=claimed,8',
}

/** The digest of a folder with these files; `look` sees the folder after it. */
const digestOf = async (
  changes: Readonly<Record<string, string>>,
  look: (folder: string) => Promise<unknown> = async () => {},
): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'inhouse-digest-'))
  try {
    for (const [path, text] of Object.entries({ ...files, ...changes })) {
      await mkdir(dirname(join(folder, path)), { recursive: true })
      await writeFile(join(folder, path), text)
    }
    const digest = await contentDigest(folder)
    await look(folder)
    return digest
  } finally {
    await rm(folder, { recursive: true })
  }
}

test.each([
  ['a changed file, though RECORD says nothing of it', { 'x/lib.so': 'other machine code' }],
  ['a file more', { 'x/more.py': '' }],
  ['a file of an installer’s name elsewhere', { 'x/RECORD': '' }],
  ['compiled Python beside its source', { 'x/lib.pyc': '' }],
])('%s is another package', async (_, changes) => {
  expect(await digestOf(changes)).not.toBe(await digestOf({}))
})

test('what installers write changes nothing', async () => {
  const written = { INSTALLER: 'uv', REQUESTED: '', 'direct_url.json': '{}', RECORD: 'another order' }
  const changes = Object.entries(written).map(([name, text]) => [`x-1.dist-info/${name}`, text])
  expect(await digestOf(Object.fromEntries(changes))).toBe(await digestOf({}))
})

test('a cache of compiled Python is not in the digest, and not in the folder any more', async () => {
  const changes = { 'x/__pycache__/__init__.cpython-312.pyc': 'code' }
  const look = async (folder: string) => expect(await readdir(join(folder, 'x'))).not.toContain('__pycache__')
  expect(await digestOf(changes, look)).toBe(await digestOf({}))
})

test('a link is refused', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'inhouse-digest-'))
  await symlink('/etc/hostname', join(folder, 'x.py'))
  expect(await contentDigest(folder).catch((error: unknown) => error)).toMatchObject({
    code: 'engine_unsupported',
  })
  await rm(folder, { recursive: true })
})
