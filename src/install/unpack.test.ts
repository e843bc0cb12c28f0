import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import * as fc from 'fast-check'

import { Failure } from '../core/failure.ts'
import { makeTarGz, makeZip, type TarEntry, type ZipEntry } from '../testing/archives.ts'
import { run } from './run.ts'
import { unpack } from './unpack.ts'

const runs = { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 1000) }

let room = ''
beforeEach(async () => {
  room = await mkdtemp(join(tmpdir(), 'unpack-'))
})
afterEach(() => rm(room, { recursive: true, force: true }))

/** What comes out, as path → content; nothing may appear beside the folder. */
const unpacked = async (bytes: Uint8Array, limits = {}): Promise<Record<string, string>> => {
  const archive = join(room, 'archive')
  const folder = join(room, 'out')
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder)
  await writeFile(archive, bytes)
  try {
    await unpack(archive, folder, limits)
  } finally {
    expect((await readdir(room)).toSorted()).toEqual(['archive', 'out'])
  }
  const files: Record<string, string> = {}
  for (const name of await readdir(folder, { recursive: true })) {
    const path = join(folder, name)
    if ((await stat(path)).isFile()) files[name] = await readFile(path, 'latin1')
  }
  return files
}

const refused = async (bytes: Uint8Array, limits = {}) => {
  const error: unknown = await unpacked(bytes, limits).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(Failure)
  expect(error).toHaveProperty('code', 'archive_unsafe')
}

const text = (content: string) => Buffer.from(content, 'latin1')
const zip = (...list: readonly (Partial<ZipEntry> & { name: string })[]) =>
  makeZip(list.map((entry) => Object.assign({ content: text('content') }, entry)))
const tar = (...list: readonly TarEntry[]) => makeTarGz(list)

const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,8}(\/[a-z]{1,8}){0,2}\.[a-z]{1,3}$/), {
  maxLength: 5,
  // `a.b` and `a.b/c.d` cannot both be files.
  selector: (name) => name.split('/')[0] ?? '',
})
const entries = names.chain((list) =>
  fc.tuple(
    ...list.map((name) => fc.tuple(fc.constant(name), fc.uint8Array({ maxLength: 600 }), fc.boolean())),
  ),
)

test('what went into a zip or a tar.gz comes out of it', async () => {
  await fc.assert(
    fc.asyncProperty(entries, async (files) => {
      const expected = Object.fromEntries(
        files.map(([name, content]) => [name, Buffer.from(content).toString('latin1')]),
      )
      const zipped = makeZip(files.map(([name, content, stored]) => ({ name, content, stored })))
      const tarred = makeTarGz(files.map(([name, content]) => ({ name, content })))
      if (files.length > 0) expect(await only(unpacked(zipped))).toEqual(expected)
      expect(await only(unpacked(tarred))).toEqual(expected)
    }),
    { numRuns: runs.numRuns / 5 },
  )
})

const only = async (files: Promise<Record<string, string>>) => ({ ...(await files) })

test('a zip with changed, missing or added bytes is refused or gives only what it gave before', async () => {
  const whole = zip({ name: 'a/b.txt' }, { name: 'c.txt', stored: true }, { name: 'dir/', content: text('') })
  const good = await unpacked(whole)
  await fc.assert(
    fc.asyncProperty(
      fc.nat(whole.length - 1),
      fc.integer({ min: 1, max: 255 }),
      fc.boolean(),
      async (at, flip, cut) => {
        const bytes = Buffer.from(cut ? whole.subarray(0, at) : whole)
        if (!cut) bytes[at] = (bytes[at] ?? 0) ^ flip
        const files = await unpacked(bytes).catch((error: unknown) => {
          if (error instanceof Failure && error.code === 'archive_unsafe') return {}
          throw error
        })
        // A name may come out changed (zip has no checksum over names), a content never.
        for (const content of Object.values(files)) expect(Object.values(good)).toContain(content)
      },
    ),
    runs,
  )
})

test('a tar.gz of any bytes ends in a refusal or in files inside the folder', async () => {
  const whole = Bun.gunzipSync(
    new Uint8Array(tar({ name: 'a', content: text('x') }, { name: 'b', type: '5' })),
  )
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
      const bytes = Buffer.from(whole)
      bytes[at] = (bytes[at] ?? 0) ^ flip
      await unpacked(Bun.gzipSync(bytes)).catch((error: unknown) => {
        if (!(error instanceof Failure && error.code === 'archive_unsafe')) throw error
      })
    }),
    { numRuns: runs.numRuns / 4 },
  )
})

for (const name of ['../out', '/etc/x', 'a/../../b', 'a\\b', 'C:x', 'a//b', './a', 'a/.', 'nul\0', '']) {
  test(`an entry named ${JSON.stringify(name)} is refused`, async () => {
    await refused(zip({ name }))
    // An empty or `./` name means the folder itself to tar; a zero byte ends a name there.
    if (!['', './a', 'nul\0'].includes(name)) await refused(tar({ name, content: text('x') }))
  })
}

const hostile: Record<string, Buffer> = {
  'a symbolic link in a zip': zip({ name: 'a', mode: 0o120777, content: text('/etc/passwd') }),
  'a name twice': zip({ name: 'a' }, { name: 'a' }),
  'a name twice but for its case': zip({ name: 'a' }, { name: 'A' }),
  'a file below a file': zip({ name: 'a' }, { name: 'a/b' }),
  'two names for one entry': zip({ name: 'a', localName: 'b' }),
  'an entry that is longer than declared': zip({ name: 'a', declaredBytes: 3 }),
  'an entry that is shorter than declared': zip({ name: 'a', declaredBytes: 300 }),
  'an encrypted entry': zip({ name: 'a', flags: 1 }),
  'bytes after the end of a zip': Buffer.concat([zip({ name: 'a' }), text('more')]),
  'bytes before a zip': Buffer.concat([text('PK'), zip({ name: 'a' })]),
  'a program': text('\u007FELF'),
  'an empty file': text(''),
  'a tar link that leads out': tar({ name: 'a', type: '2', link: '../x' }),
  'a tar link to an absolute path': tar({ name: 'a', type: '2', link: '/etc/passwd' }),
  'a tar link to nothing': tar({ name: 'a', type: '2', link: 'b' }),
  'tar links in a circle': tar({ name: 'a', type: '2', link: 'b' }, { name: 'b', type: '2', link: 'a' }),
  'a tar link below a file': tar(
    { name: 'a', content: text('x') },
    { name: 'b', content: text('x') },
    { name: 'a/c', type: '2', link: '../b' },
  ),
  'a tar hard link': tar({ name: 'a', content: text('x') }, { name: 'b', type: '1', link: 'a' }),
  'a tar device': tar({ name: 'a', type: '3' }),
  'a tar that is cut off': tar({ name: 'a', declaredBytes: 9_000_000 }),
}
for (const [what, bytes] of Object.entries(hostile)) {
  test(`${what} is refused`, () => refused(bytes))
}

test('a tar link may stand alone in its folder', async () => {
  const bytes = tar({ name: 'a', content: text('x') }, { name: 'lib/b', type: '2', link: '../a' })
  expect(await unpacked(bytes)).toEqual({ a: 'x', 'lib/b': 'x' })
})

test('an entry inside the data of another is refused', async () => {
  const inner = zip({ name: 'b' })
  const local = inner.subarray(0, inner.indexOf(Buffer.from([0x50, 0x4b, 1, 2])))
  const bytes = zip({ name: 'a', content: local, stored: true }, { name: 'b' })
  const second = bytes.lastIndexOf(Buffer.from([0x50, 0x4b, 1, 2]))
  // Behind the local header of `a`, which is 30 bytes and the name.
  bytes.writeUInt32LE(31, second + 42)
  await refused(bytes)
})

test('an archive that unpacks to more than it may is refused before it is written', async () => {
  const content = Buffer.alloc(1 << 20)
  await refused(zip({ name: 'a', content }, { name: 'b', content }), { maxBytes: 1.5 * (1 << 20) })
  await refused(tar({ name: 'a', content }, { name: 'b', content }), { maxBytes: 1.5 * (1 << 20) })
  await refused(zip({ name: 'a' }, { name: 'b' }, { name: 'c' }), { maxFiles: 2 })
  await refused(tar({ name: 'a', type: '5' }, { name: 'b', type: '5' }, { name: 'c', type: '5' }), {
    maxFiles: 2,
  })
})

test('a release archive of the real tar keeps its programs executable and its library names', async () => {
  const tree = join(room, '..', `${room.split('/').at(-1)}-tree`)
  const longName = `${'long-folder-name/'.repeat(9)}file.txt`
  await mkdir(join(tree, 'bin'), { recursive: true })
  await mkdir(dirname(join(tree, longName)), { recursive: true })
  await writeFile(join(tree, longName), 'far')
  await writeFile(join(tree, 'bin/server'), 'program', { mode: 0o755 })
  await writeFile(join(tree, 'bin/libx.so.1.2'), 'library')
  await symlink('libx.so.1.2', join(tree, 'bin/libx.so.1'))
  await symlink('libx.so.1', join(tree, 'bin/libx.so'))
  for (const format of ['gnu', 'pax', 'ustar']) {
    const made = await run([
      'tar',
      `--format=${format}`,
      '-czf',
      join(tree, '..', 'real.tgz'),
      '-C',
      tree,
      '.',
    ])
    expect(made.stderr).toBe('')
    const files = await unpacked(await readFile(join(tree, '..', 'real.tgz')))
    expect(files).toEqual({
      [longName]: 'far',
      'bin/server': 'program',
      'bin/libx.so': 'library',
      'bin/libx.so.1': 'library',
      'bin/libx.so.1.2': 'library',
    })
    expect((await stat(join(room, 'out/bin/server'))).mode & 0o111).toBe(0o111)
  }
  await rm(tree, { recursive: true })
  await rm(join(tree, '..', 'real.tgz'))
})
