import { readFile, rm, writeFile, mkdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

import { Failure } from '../../core/failure.ts'
import { download, sha256OfFile } from '../../install/download.ts'
import { pipDownload } from '../../install/pip.ts'
import type { Watch } from '../../install/progress.ts'
import { findPython } from '../../install/python.ts'
import { run } from '../../install/run.ts'
import { stage } from '../../install/stage.ts'
import { unpack } from '../../install/unpack.ts'
import { contentDigest } from './digest.ts'
import type { Accelerator } from './engine.ts'
import { inspect, mustRunHere } from './find.ts'
import {
  enginesFolder,
  folderOf,
  listInstallations,
  pinnedAccelerator,
  wantedAccelerators,
  writeNote,
  type Installation,
} from './installation.ts'
import type { Machine } from './machine.ts'
import { meaningOf } from './meaning.ts'
import { xllamacpp } from './xllamacpp.ts'

export interface InstallRequest extends Watch {
  readonly home: string
  readonly machine: Machine
  /** `auto`: what the hardware asks for. */
  readonly accelerator: 'auto' | Accelerator
  /** A wheel or a llama.cpp release archive instead: a path, or an https address. */
  readonly from?: string
  /** Of the wheel or archive. Needed for nothing, but what comes is then known to be right. */
  readonly sha256?: string
  readonly env?: Readonly<Record<string, string | undefined>>
}

/**
 * Brings an engine into `<home>/engines/`, never into the user's own environment, and shows that it starts. What is
 * there already is returned at once; a killed run leaves nothing half-made. Throws the failures of pip, downloads and
 * archives, and `Failure('engine_unsupported')`.
 */
export const installEngine = async (request: InstallRequest): Promise<Installation> => {
  mustRunHere(request.machine)
  if (request.from === undefined) return installPackage(request)
  if (!request.from.startsWith('https://')) return installFile(request, request.from, request.from)
  const to = join(request.home, 'downloads', basename(new URL(request.from).pathname))
  const expected = request.sha256 === undefined ? {} : { sha256: request.sha256 }
  await download({ ...request, ...expected, url: request.from, to })
  try {
    return await installFile(request, to, request.from)
  } finally {
    await rm(to, { force: true })
  }
}

const acceleratorOf = ({ accelerator, machine }: InstallRequest): Accelerator =>
  accelerator === 'auto' ? (wantedAccelerators(machine)[0] ?? 'cpu') : accelerator

const installPackage = async (request: InstallRequest): Promise<Installation> => {
  const { home, machine } = request
  const accelerator = acceleratorOf(request)
  const pinned = accelerator === pinnedAccelerator(machine)
  const platform = `${machine.platform}-${machine.arch}`
  const digest = request.sha256 ?? (pinned ? xllamacpp.wheels[platform] : undefined)
  const indexUrl = xllamacpp.indexes[accelerator]
  if (pinned ? digest === undefined : indexUrl === undefined) {
    throw new Failure(
      'engine_unsupported',
      `There is no prebuilt engine for ${platform} with ${accelerator}.`,
    )
  }
  const name = `xllamacpp-${xllamacpp.version}-${accelerator}`
  return staged(request, name, async (folder) => {
    const python = await findPython(request)
    const wheel = {
      name: xllamacpp.name,
      version: xllamacpp.version,
      sha256: digest === undefined ? [] : [digest],
      ...(pinned || indexUrl === undefined ? {} : { indexUrl }),
      ...(pinned ? { bytes: xllamacpp.wheelBytes } : {}),
    }
    const { version } = await pipDownload(python, wheel, folder, request)
    const trust = request.sha256 !== undefined ? 'given' : pinned ? 'pinned' : 'recorded'
    // Before anything of it runs.
    const sha256 = digest ?? (await firstUse(home, `${name}-${platform}`, await contentDigest(folder)))
    await mustImport(python.executable, folder)
    const source = `xllamacpp ${version}${pinned ? '' : ` from ${indexUrl}`}`
    return { kind: 'xllamacpp', version, accelerator, runs: python.executable, source, sha256, trust }
  })
}

const installFile = async (request: InstallRequest, path: string, source: string): Promise<Installation> => {
  const sha256 = await sha256OfFile(path, request).catch((cause: unknown) => {
    request.signal?.throwIfAborted()
    throw new Failure('usage_wrong', `${path} cannot be read.`, { cause })
  })
  if (request.sha256 !== undefined && request.sha256 !== sha256) {
    throw new Failure('digest_mismatch', `${source} has sha256 ${sha256}, not ${request.sha256}.`)
  }
  const pinned = Object.values(xllamacpp.wheels).includes(sha256)
  const unknown = !pinned && request.sha256 === undefined
  if (unknown && source !== path) await firstUse(request.home, source, sha256)
  const trust = pinned ? 'pinned' : unknown ? 'recorded' : 'given'
  const accelerator = pinned ? pinnedAccelerator(request.machine) : acceleratorOf(request)
  const wheel = /^xllamacpp-([\w.]+)-.*\.whl$/.exec(basename(path))?.[1]
  const name =
    wheel === undefined ? `llama-server-${sha256.slice(0, 12)}` : `xllamacpp-${wheel}-${accelerator}`
  return staged(request, name, async (folder) => {
    await unpack(path, folder, request)
    if (wheel !== undefined) {
      const { executable } = await findPython(request)
      await mustImport(executable, folder)
      return { kind: 'xllamacpp', version: wheel, accelerator, runs: executable, source, sha256, trust }
    }
    const binaries = await Array.fromAsync(new Bun.Glob('**/llama-server').scan({ cwd: folder }))
    const [runs] = binaries
    if (runs === undefined)
      throw new Failure('engine_unsupported', `There is no llama-server in ${basename(path)}.`)
    const inspected = await inspect(join(folder, runs), request.env ?? process.env)
    if (inspected instanceof Failure) throw inspected
    return { kind: 'llama-server', version: inspected.version, accelerator, runs, source, sha256, trust }
  })
}

type Made = Omit<Installation, 'name' | 'installedAt'>

const staged = async (
  request: InstallRequest,
  name: string,
  make: (folder: string) => Promise<Made>,
): Promise<Installation> => {
  const folder = folderOf(request.home, name)
  await stage(
    request.home,
    join(enginesFolder, name),
    async (temporary) => {
      const made = await make(temporary)
      await writeNote(temporary, { name, ...made, installedAt: new Date().toISOString() })
    },
    request,
  )
  const found = (await listInstallations(request.home)).find((installation) => installation.name === name)
  if (found === undefined) throw new Failure('internal', `${folder} has no note of its installation.`)
  return found
}

/** Loads the package in a process of its own: shows missing libraries and instructions before anybody asks a model. */
const mustImport = async (python: string, folder: string): Promise<void> => {
  const program =
    'import sys; sys.path.insert(0, sys.argv[1]); import xllamacpp; print(xllamacpp.__version__)'
  const ran = await run([python, '-I', '-S', '-c', program, folder], { timeoutMs: 120_000 })
  if (ran.status === 0) return
  // A shell's way to tell a signal: SIGILL is 4.
  const signal = ran.status === 132 ? 'SIGILL' : null
  const meaning = meaningOf({ code: ran.status, signal, tail: ran.stderr })
  throw new Failure('engine_unsupported', `The engine does not start here: ${meaning}.`)
}

/**
 * Where nobody published a digest, the one that came first is written down; another one later is refused. Throws
 * `Failure('digest_mismatch')`.
 */
const firstUse = async (home: string, key: string, sha256: string): Promise<string> => {
  const path = join(home, enginesFolder, 'digests.json')
  const known = await readFile(path, 'utf8').then(
    (text) => JSON.parse(text) as Record<string, string>,
    () => ({}),
  )
  const before = (known as Record<string, string>)[key]
  if (before !== undefined && before !== sha256) {
    throw new Failure(
      'digest_mismatch',
      `${key} has sha256 ${sha256}; the first time it was ${before} (${path}).`,
    )
  }
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, `${JSON.stringify({ ...known, [key]: sha256 }, undefined, 2)}\n`)
  return sha256
}
