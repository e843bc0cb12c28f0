import { afterAll, beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test'
import { createHash } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { Failure } from '../core/failure.ts'
import { makeZip } from '../testing/archives.ts'
import { packageFailure, pipDownload, type Package } from './pip.ts'
import type { Progress } from './progress.ts'
import { findPython, type Python } from './python.ts'
import { run } from './run.ts'

// Processes start slowly on a busy machine.
setDefaultTimeout(60_000)

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'none',
    (error: unknown) => (error instanceof Failure ? error.code : error),
  )

let room = ''
beforeAll(async () => {
  room = await mkdtemp(join(tmpdir(), 'pip-'))
})
afterAll(() => rm(room, { recursive: true, force: true }))

const wheelOf = (tag: string): Buffer =>
  makeZip(
    Object.entries({
      'inhouse_probe/data.txt': 'hello '.repeat(50_000),
      'inhouse_probe/__init__.py': 'raise SystemExit("code of the package ran")',
      'inhouse_probe-1.2.dist-info/METADATA': 'Metadata-Version: 2.1\nName: inhouse-probe\nVersion: 1.2\n',
      'inhouse_probe-1.2.dist-info/WHEEL': `Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: ${tag}\n`,
      'inhouse_probe-1.2.dist-info/RECORD': '',
    }).map(([name, content]) => ({ name, content: Buffer.from(content) })),
  )

const wheel = wheelOf('py3-none-any')
const sha256 = createHash('sha256').update(wheel).digest('hex')

/** A package index (the simple repository API) with one package for everybody and one for another machine. */
const index = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  fetch: ({ url }) => {
    const { pathname } = new URL(url)
    if (pathname.endsWith('.whl')) return new Response(new Uint8Array(wheel))
    const tag = pathname.includes('elsewhere') ? 'cp27-cp27m-win32' : 'py3-none-any'
    const name = pathname.includes('elsewhere') ? 'inhouse_elsewhere' : 'inhouse_probe'
    if (!pathname.includes('inhouse-')) return new Response('', { status: 404 })
    const file = `${name}-1.2-${tag}.whl`
    return new Response(`<a href="/files/${file}">${file}</a>`, { headers: { 'content-type': 'text/html' } })
  },
})
afterAll(() => index.stop(true))

const probe: Package = {
  name: 'inhouse-probe',
  version: '1.2',
  sha256: [sha256],
  indexUrl: `${index.url.href}simple`,
}
// Nothing of this machine's own set-up may answer in place of the test's index.
const env = { PIP_FIND_LINKS: '', PIP_NO_CACHE_DIR: '1', NO_PROXY: '127.0.0.1' }

const installers: Record<string, () => Promise<Python | undefined>> = {
  pip: () => findPython(),
  uv: async () => {
    const path = process.env['INHOUSE_TEST_UV'] ?? Bun.which('uv')
    return path === null ? undefined : { ...(await findPython()), installer: { kind: 'uv', path } }
  },
}

for (const [name, find] of Object.entries(installers)) {
  const python = await find()
  const fresh = async () => {
    const folder = join(room, crypto.randomUUID())
    await mkdir(folder)
    return folder
  }
  const fetched = async (wanted: Package, folder: string) => {
    if (python === undefined) throw new Error('no installer')
    return pipDownload(python, wanted, folder, { env })
  }
  describe.skipIf(python === undefined)(
    `${name}${python === undefined ? ' (not on this machine)' : ''}`,
    () => {
      test('a package with a pinned digest arrives unpacked, and none of its code runs', async () => {
        const folder = await fresh()
        expect(await fetched(probe, folder)).toEqual({ version: '1.2' })
        expect((await readdir(folder)).toSorted()).toEqual(['inhouse_probe', 'inhouse_probe-1.2.dist-info'])
        expect(await readFile(join(folder, 'inhouse_probe/data.txt'), 'utf8')).toStartWith('hello hello')
        expect(await readdir(join(folder, 'inhouse_probe'))).toHaveLength(2)
      })

      test('without version and digest the newest of the index is taken, and its version told', async () => {
        const { indexUrl = '' } = probe
        expect(await fetched({ name: 'inhouse-probe', sha256: [], indexUrl }, await fresh())).toEqual({
          version: '1.2',
        })
      })

      test('its progress counts what came, and each step ends before the next with its true size', async () => {
        if (python === undefined) return
        const told: Progress[] = []
        const onProgress = (progress: Progress): void => void told.push(progress)
        await pipDownload(python, { ...probe, bytes: 1e9 }, await fresh(), { env, onProgress })
        const last = (label: string): number =>
          told.findLastIndex((progress) => progress.label.startsWith(label))
        const ends = ['Fetching', 'Unpacking'].filter((label) => last(label) >= 0).map(last)
        expect(ends).toEqual(ends.toSorted((one, other) => one - other))
        expect(ends).not.toBeEmpty()
        for (const at of ends) expect(told[at]?.total).toBe(told[at]?.done ?? 0)
        const inVain: number[] = []
        await pipDownload(python, { ...probe, indexUrl: 'http://127.0.0.1:9/simple' }, await fresh(), {
          env,
          onProgress: ({ done }) => void inVain.push(done),
        }).catch(() => {})
        // uv writes a note of the interpreter into its cache.
        expect(Math.max(0, ...inVain)).toBeLessThan(10_000)
      })

      const failing: Record<string, Partial<Package>> = {
        digest_mismatch: { sha256: ['0'.repeat(64)] },
        network_unreachable: { indexUrl: 'http://127.0.0.1:9/simple' },
        package_missing: { name: 'inhouse-elsewhere' },
      }
      for (const [code, change] of Object.entries(failing)) {
        test(`${code} is told and leaves nothing behind`, async () => {
          const folder = await fresh()
          expect(await codeOf(fetched({ ...probe, ...change }, folder))).toBe(code)
          expect(await readdir(folder)).toEqual([])
        })
      }

      test.skipIf(process.getuid?.() !== 0)('a full disk is told (needs root for a small disk)', async () => {
        const folder = await fresh()
        await run(['mount', '-t', 'tmpfs', '-o', 'size=200k', 'none', folder])
        try {
          expect(await codeOf(fetched(probe, folder))).toBe('disk_full')
          expect(await readdir(folder)).toEqual([])
        } finally {
          await run(['umount', folder])
        }
      })
    },
  )
}

test('a fetch that is called off ends pip and leaves nothing behind', async () => {
  const folder = join(room, 'called-off')
  await mkdir(folder)
  const stop = new AbortController()
  using silent = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: () => {
      stop.abort(new Error('called off'))
      return new Promise<Response>(() => undefined)
    },
  })
  const work = pipDownload(await findPython(), { ...probe, indexUrl: silent.url.href }, folder, {
    env,
    signal: stop.signal,
  })
  expect(await codeOf(work)).toEqual(new Error('called off'))
  expect(await readdir(folder)).toEqual([])
})

test('words that nobody foresaw are passed on in one line', () => {
  const failure = packageFailure('Looking\nERROR: the moon is full\nbye', probe)
  expect([failure.code, failure.message]).toEqual([
    'download_failed',
    'Fetching the package inhouse-probe 1.2 failed: ERROR: the moon is full',
  ])
  expect(packageFailure('no such option: --retries', probe).code).toBe('pip_missing')
  expect(packageFailure('SSL: CERTIFICATE_VERIFY_FAILED', probe).message).toContain('certificate')
})

/** A PATH with only these programs. */
const pathWith = async (programs: Readonly<Record<string, string>>) => {
  const folder = join(room, crypto.randomUUID())
  await mkdir(folder)
  for (const [name, script] of Object.entries(programs)) {
    await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`)
    await chmod(join(folder, name), 0o755)
  }
  return { PATH: folder, HOME: folder }
}
const says = (version: string, pip: boolean) => `echo "${version} ${pip ? 1 : 0}"; echo /opt/python`

test('no Python, or only one that is too old or broken, is python_missing', async () => {
  expect(await codeOf(findPython({ env: await pathWith({}) }))).toBe('python_missing')
  const old = await pathWith({
    python3: says('3 9', true),
    python: says('2 7', true),
    'python3.12': 'exit 1',
  })
  expect(await codeOf(findPython({ env: old }))).toBe('python_missing')
})

test('the first Python that is new enough and has pip is taken, else one that uv serves', async () => {
  const newer = await pathWith({
    python3: says('3 9', true),
    python: says('3 14', false),
    'python3.11': says('3 11', true),
  })
  expect(await findPython({ env: newer })).toEqual({
    executable: '/opt/python',
    version: '3.11',
    installer: { kind: 'pip' },
  })
  const served = await pathWith({ python3: says('3 12', false), uv: 'exit 1' })
  expect((await findPython({ env: served })).installer).toEqual({ kind: 'uv', path: join(served.PATH, 'uv') })
  const hidden = await pathWith({ uv: 'echo "$(dirname "$0")/hidden"', hidden: says('3 13', false) })
  expect(
    await findPython({ env: { ...hidden, PATH: `${hidden.PATH}:/usr/bin:/bin` }, python: 'none' }),
  ).toMatchObject({
    version: '3.13',
    installer: { kind: 'uv' },
  })
})

test('a real Python without pip is pip_missing', async () => {
  const { executable } = await findPython()
  const bare = join(room, 'bare')
  expect((await run([executable, '-m', 'venv', '--without-pip', bare])).status).toBe(0)
  expect(await codeOf(findPython({ env: { PATH: join(bare, 'bin'), HOME: room } }))).toBe('pip_missing')
})
