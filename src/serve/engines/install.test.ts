import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { sha256OfFile } from '../../install/download.ts'
import { makeZip } from '../../testing/archives.ts'
import { fetchTimeoutMs, pinned, realEngine, testHome, writeBinary } from '../../testing/real-engine.ts'
import { findEngine } from './find.ts'
import { installEngine, type InstallRequest } from './install.ts'
import {
  firstAccelerator,
  listInstallations,
  removeInstallation,
  wantedAccelerators,
  type Installation,
} from './installation.ts'
import { readMachine, type Machine } from './machine.ts'
import { xllamacpp } from './xllamacpp.ts'

let folder = ''
let machine: Machine
let real: Installation
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inhouse-install-'))
  machine = await readMachine()
  real = await realEngine()
}, fetchTimeoutMs)
afterAll(() => rm(folder, { recursive: true }))

let homes = 0
const newHome = async (): Promise<string> => {
  const home = join(folder, `home-${++homes}`)
  await mkdir(home)
  return home
}

const install = (home: string, change: Partial<InstallRequest> = {}) =>
  installEngine({ home, machine, accelerator: pinned, ...change })

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'done',
    (error: unknown) => (error as { code?: unknown }).code,
  )

/** A package whose parameters know every name. */
const anyParams = 'class CommonParams:\n  def __getattr__(self, name): return 0\n'

const wheel = async (name: string, init: string): Promise<string> => {
  const path = join(folder, name)
  const files = {
    'xllamacpp/__init__.py': `${init}\n`,
    'xllamacpp-1.0.dist-info/RECORD': 'xllamacpp/__init__.py,,\n',
  }
  await writeFile(
    path,
    makeZip(Object.entries(files).map(([entry, text]) => ({ name: entry, content: Buffer.from(text) }))),
  )
  return path
}

/** No proxy, mirror or index of the user's own can be reached from here. */
const offline = {
  PIP_INDEX_URL: 'http://127.0.0.1:1/simple',
  UV_INDEX_URL: 'http://127.0.0.1:1/simple',
  PIP_NO_INDEX: '1',
  PIP_FIND_LINKS: '',
}

describe('installing an engine', () => {
  test('the pinned package is verified, listed, and needs no network the second time', async () => {
    const [platform, digest] = [`${machine.platform}-${machine.arch}`, real.sha256]
    expect(real).toMatchObject({
      kind: 'xllamacpp',
      version: xllamacpp.version,
      accelerator: 'cpu',
      trust: 'pinned',
    })
    expect(digest).toBe(xllamacpp.wheels[platform] ?? '')
    const again = await install(testHome, { env: { ...process.env, ...offline } })
    expect(again).toEqual({ ...real, installedAt: again.installedAt })
    expect((await listInstallations(testHome)).map(({ name }) => name)).toContain(real.name)
  })

  test('without a network the failure says so, and nothing is left', async () => {
    const home = await newHome()
    const code = await codeOf(install(home, { env: { ...process.env, ...offline } }))
    expect(['network_unreachable', 'package_missing']).toContain(String(code))
    expect(await listInstallations(home)).toEqual([])
  }, 60_000)

  test('a package with another digest is refused, and nothing is left', async () => {
    const home = await newHome()
    expect(await codeOf(install(home, { sha256: 'f'.repeat(64) }))).toBe('digest_mismatch')
    expect(await listInstallations(home)).toEqual([])
    expect(await readdir(join(home, 'tmp')).catch(() => [])).toEqual([])
  }, 120_000)

  test('a killed installation leaves nothing to list, and the next one succeeds', async () => {
    const home = await newHome()
    const code = `const { installEngine } = await import(${JSON.stringify(join(import.meta.dir, 'install.ts'))})
      const { readMachine } = await import(${JSON.stringify(join(import.meta.dir, 'machine.ts'))})
      await installEngine({ home: ${JSON.stringify(home)}, machine: await readMachine(), accelerator: ${JSON.stringify(pinned)} })`
    const child = Bun.spawn([process.execPath, '-e', code])
    while ((await readdir(join(home, 'tmp')).catch(() => [])).length === 0) await Bun.sleep(5)
    child.kill('SIGKILL')
    await child.exited
    expect(await listInstallations(home)).toEqual([])
    expect((await install(home)).name).toBe(real.name)
  }, 120_000)

  test('a CPU without the instructions is told before anything is fetched', async () => {
    const old = { ...machine, arch: 'x64', cpu: 'Old CPU', cpuFlags: new Set(['sse2']) }
    const failure = await installEngine({ home: await newHome(), machine: old, accelerator: 'cpu' }).catch(
      (error: unknown) => error,
    )
    expect(failure).toMatchObject({ code: 'engine_unsupported' })
    expect(String(failure)).toContain('avx2, fma, f16c')
  })

  test('a platform without a wheel is told before anything is fetched', async () => {
    const strange = { ...machine, platform: 'freebsd' }
    expect(await codeOf(install(await newHome(), { machine: strange }))).toBe('engine_unsupported')
  })

  /** An index of one's own, in a folder. */
  const newIndex = async () => {
    const links = await mkdtemp(join(folder, 'links-'))
    const nowhere = { PIP_NO_INDEX: '1', PIP_FIND_LINKS: links, UV_NO_INDEX: '1', UV_FIND_LINKS: links }
    const publish = async (init: string, version: string = xllamacpp.version) => {
      const info = `xllamacpp-${version}.dist-info`
      const files = {
        'xllamacpp/__init__.py': anyParams + init,
        [`${info}/METADATA`]: `Metadata-Version: 2.1\nName: xllamacpp\nVersion: ${version}\n`,
        [`${info}/WHEEL`]: 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
        [`${info}/RECORD`]: 'xllamacpp/__init__.py,,\n',
      }
      const entries = Object.entries(files).map(([name, text]) => ({ name, content: Buffer.from(text) }))
      const path = join(links, `xllamacpp-${version}-py3-none-any.whl`)
      await writeFile(path, makeZip(entries))
      return path
    }
    return { env: { ...process.env, ...nowhere }, publish }
  }

  test('an engine that nobody pinned is compared before it runs, by its files and not by what it says of them', async () => {
    const home = await newHome()
    const ran = join(home, 'ran')
    const { env, publish } = await newIndex()
    await publish('')
    const first = await install(home, { accelerator: 'vulkan', env })
    expect(first.trust).toBe('recorded')
    expect(first.sha256).toMatch(/^[\da-f]{64}$/)
    await removeInstallation(home, first.name)
    expect((await install(home, { accelerator: 'vulkan', env })).sha256).toBe(first.sha256)
    await removeInstallation(home, first.name)
    await publish(`open(${JSON.stringify(ran)}, 'w')`)
    expect(await codeOf(install(home, { accelerator: 'vulkan', env }))).toBe('digest_mismatch')
    expect(await Bun.file(ran).exists()).toBe(false)
    expect(await listInstallations(home)).toEqual([])
  }, 60_000)

  test('a version that is asked for is recorded at its first use, or held to the digest that is given', async () => {
    const home = await newHome()
    const { env, publish } = await newIndex()
    const path = await publish('', '7.1')
    const recorded = await install(home, { version: '7.1', env })
    expect(recorded).toMatchObject({ version: '7.1', accelerator: pinned, trust: 'recorded' })
    await removeInstallation(home, recorded.name)
    const wrong = { version: '7.1', sha256: 'f'.repeat(64), env }
    expect(await codeOf(install(home, wrong))).toBe('digest_mismatch')
    const right = await install(home, { ...wrong, sha256: await sha256OfFile(path) })
    expect(right).toMatchObject({ version: '7.1', trust: 'given' })
    expect(await codeOf(install(home, wrong))).toBe('digest_mismatch')
    expect(await codeOf(install(home, { version: '7.2', env }))).toBe('package_missing')
    expect((await listInstallations(home)).map(({ name }) => name)).toEqual([right.name])
  }, 60_000)

  test('the version that was asked for last is the one that runs, also one that is there already', async () => {
    const home = await newHome()
    const { env, publish } = await newIndex()
    for (const version of ['7.1', '7.10', '7.9']) {
      await publish('', version)
      await install(home, { version, env })
    }
    const inUse = async () =>
      (await findEngine({ home, settings: { accelerator: pinned }, machine, env: process.env })).version
    expect(await inUse()).toBe('7.9')
    await install(home, { version: '7.1', env: { ...env, PIP_FIND_LINKS: '', UV_FIND_LINKS: '' } })
    expect(await inUse()).toBe('7.1')
  }, 60_000)

  test('a version that is none, or is asked for beside a file, is refused before anything is run', async () => {
    const home = await newHome()
    for (const version of ['', 'latest', '1.0 --index-url=http://x', '../1', '1\n--pre']) {
      expect([version, await codeOf(install(home, { version }))]).toEqual([version, 'usage_wrong'])
    }
    expect(await codeOf(install(home, { version: '1.0', from: '/x.whl' }))).toBe('usage_wrong')
  })

  test('a version that does not know what we tell it is not installed, and says what is missing', async () => {
    const home = await newHome()
    const from = await wheel(
      'xllamacpp-0.1-cp310-abi3-any.whl',
      'class CommonParams:\n  model = port = hostname = 0',
    )
    const failure = await install(home, { from }).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'engine_unsupported' })
    expect(String(failure)).toContain('api_keys')
    expect(String(failure)).not.toContain('hostname')
    expect(await listInstallations(home)).toEqual([])
  }, 60_000)

  test('digests that were recorded and are damaged are told, not recorded anew', async () => {
    const home = await newHome()
    const { env, publish } = await newIndex()
    await publish('', '7.1')
    await mkdir(join(home, 'engines'))
    await writeFile(join(home, 'engines', 'digests.json'), '{"xll')
    const failure = await install(home, { version: '7.1', env }).catch((error: unknown) => error)
    expect(String(failure)).toContain('digests.json is damaged')
    expect(await listInstallations(home)).toEqual([])
  }, 60_000)

  test('engines that are installed at the same moment all have their digest recorded', async () => {
    const home = await newHome()
    const { env, publish } = await newIndex()
    const versions = ['7.1', '7.2', '7.3', '7.4']
    for (const version of versions) await publish('', version)
    await Promise.all(versions.map((version) => install(home, { version, env })))
    const digests: object = await Bun.file(join(home, 'engines', 'digests.json')).json()
    expect(Object.keys(digests)).toHaveLength(versions.length)
  }, 60_000)

  test('the first start brings what is pinned, whatever the hardware, unless the config names another', () => {
    const gpus = [{ vendor: 'nvidia', name: 'x', memoryBytes: 1 }] as const
    expect(firstAccelerator('auto', { ...machine, platform: 'linux', arch: 'x64', gpus })).toBe('cpu')
    expect(firstAccelerator('cuda', { ...machine, gpus })).toBe('cuda')
  })

  test('a wheel from a file needs no network; its digest is shown, and one that is given must be right', async () => {
    const home = await newHome()
    const from = await wheel('xllamacpp-1.0-cp310-abi3-any.whl', anyParams)
    const sha256 = await sha256OfFile(from)
    expect(await codeOf(install(home, { from, sha256: 'f'.repeat(64) }))).toBe('digest_mismatch')
    const done = await install(home, { from, accelerator: 'vulkan' })
    expect(done).toMatchObject({
      version: '1.0',
      accelerator: 'vulkan',
      sha256,
      trust: 'recorded',
      source: from,
    })
    const again = await install(home, { from, accelerator: 'cpu', sha256 })
    expect(again.trust).toBe('given')
    expect((await listInstallations(home)).length).toBe(2)
    await removeInstallation(home, done.name)
    expect((await listInstallations(home)).map(({ name }) => name)).toEqual([again.name])
  }, 60_000)

  test('an engine that does not start here is not installed, and says what is missing', async () => {
    const home = await newHome()
    const from = await wheel(
      'xllamacpp-2.0-cp310-abi3-any.whl',
      'raise ImportError("libgomp.so.1: cannot open shared object file: No such file or directory")',
    )
    const failure = await install(home, { from }).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'engine_unsupported' })
    expect(String(failure)).toContain('libgomp1')
    expect(await listInstallations(home)).toEqual([])
  }, 60_000)

  test('a release archive brings its llama-server, which is then found', async () => {
    const home = await newHome()
    const inside = join(folder, 'llama-b9000')
    await mkdir(inside)
    await writeBinary(inside, real)
    const from = join(folder, 'llama-b9000-bin-ubuntu-x64.tar.gz')
    Bun.spawnSync(['tar', '-czf', from, '-C', folder, 'llama-b9000'])
    const done = await install(home, { from })
    expect(done).toMatchObject({
      kind: 'llama-server',
      version: '9000 (shim)',
      runs: 'llama-b9000/llama-server',
    })
    const found = await findEngine({ home, settings: { accelerator: pinned }, machine, env: process.env })
    expect(found).toMatchObject({ kind: 'llama-server', accelerator: pinned })
  }, 60_000)

  test('an archive without a llama-server is refused', async () => {
    const from = join(folder, 'other.tar.gz')
    Bun.spawnSync(['tar', '-czf', from, '-C', import.meta.dir, 'guard.ts'])
    expect(await codeOf(install(await newHome(), { from }))).toBe('engine_unsupported')
  })
})

describe('finding an engine', () => {
  const withPath = async (script: string) => {
    const bin = await mkdtemp(join(folder, 'bin-'))
    await Bun.write(join(bin, 'llama-server'), `#!/bin/sh\n${script}\n`)
    Bun.spawnSync(['chmod', '755', join(bin, 'llama-server')])
    return { bin, env: { ...process.env, PATH: `${bin}:${process.env['PATH']}` } }
  }
  const good = `[ "$1" = --version ] && echo 'version: 9001 (x)' >&2 || echo '--ctx-size --parallel --api-key --embeddings --pooling'`
  const old = `[ "$1" = --version ] && echo 'version: 1000 (x)' >&2 || echo '--ctx-size --parallel'`
  const auto = { accelerator: 'auto' } as const

  test('the one of the config comes first, then PATH, then our own', async () => {
    const { bin, env } = await withPath(good)
    const search = { home: testHome, machine, env }
    const path = await findEngine({ ...search, settings: auto })
    expect(path).toMatchObject({ kind: 'llama-server', path: join(bin, 'llama-server'), version: '9001 (x)' })
    const other = await withPath(good.replace('9001', '9002'))
    const configured = { ...auto, llamaServer: join(other.bin, 'llama-server') }
    expect(await findEngine({ ...search, settings: configured })).toMatchObject({ version: '9002 (x)' })
    expect(await findEngine({ ...search, settings: { accelerator: pinned } })).toMatchObject({
      kind: 'xllamacpp',
    })
    expect(await findEngine({ ...search, settings: auto, env: process.env })).toMatchObject({
      kind: 'xllamacpp',
    })
  })

  test('one on PATH that is too old is passed over for our own, and named where there is none', async () => {
    const { env } = await withPath(old)
    expect(await findEngine({ home: testHome, settings: auto, machine, env })).toMatchObject({
      kind: 'xllamacpp',
    })
    const failure = findEngine({ home: await newHome(), settings: auto, machine, env })
    expect(String(await failure.catch((error: unknown) => error))).toContain('does not know --api-key')
  })

  test('nothing found, and a path of the config that is no program, say where was looked', async () => {
    const search = { home: await newHome(), machine, env: process.env }
    expect(await codeOf(findEngine({ ...search, settings: auto }))).toBe('engine_missing')
    expect(await codeOf(findEngine({ ...search, settings: { ...auto, llamaServer: '/no/such' } }))).toBe(
      'engine_missing',
    )
  })

  test('an interpreter that is gone since is looked for again', async () => {
    const home = await newHome()
    const from = await wheel('xllamacpp-3.0-cp310-abi3-any.whl', anyParams)
    const { name } = await install(home, { from })
    const note = join(home, 'engines', name, 'installation.json')
    await Bun.write(note, (await Bun.file(note).text()).replace(/"runs": "[^"]*"/, '"runs": "/gone/python"'))
    const found = await findEngine({ home, settings: auto, machine, env: process.env })
    expect(found.kind === 'xllamacpp' && found.python).toMatch(/python/)
    expect(found.kind === 'xllamacpp' && found.python).not.toBe('/gone/python')
  }, 60_000)

  test('the hardware decides which of our own is wanted, and the last one always runs', () => {
    const gpu = { name: 'x', memoryBytes: 1 }
    const linux = { platform: 'linux', arch: 'x64' }
    expect(wantedAccelerators({ ...linux, gpus: [] })).toEqual(['cpu'])
    expect(wantedAccelerators({ ...linux, gpus: [{ ...gpu, vendor: 'nvidia' }] })).toEqual([
      'cuda',
      'vulkan',
      'cpu',
    ])
    expect(wantedAccelerators({ ...linux, gpus: [{ ...gpu, vendor: 'amd' }] })).toEqual([
      'rocm',
      'vulkan',
      'cpu',
    ])
    expect(
      wantedAccelerators({ platform: 'darwin', arch: 'arm64', gpus: [{ ...gpu, vendor: 'apple' }] }),
    ).toEqual(['metal'])
  })
})
