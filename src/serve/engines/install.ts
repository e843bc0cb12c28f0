import { createHash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { basename, join } from 'node:path'

import { Failure } from '../../core/failure.ts'
import { download, sha256OfFile } from '../../install/download.ts'
import { withLock } from '../../install/lock.ts'
import { pipDownload } from '../../install/pip.ts'
import type { Watch } from '../../install/progress.ts'
import { findPython } from '../../install/python.ts'
import { run } from '../../install/run.ts'
import { stage } from '../../install/stage.ts'
import { unpack } from '../../install/unpack.ts'
import { neededParams } from './command.ts'
import { contentDigest } from './digest.ts'
import type { Accelerator } from './engine.ts'
import { inspect, mustRunHere } from './find.ts'
import { firstUse } from './first-use.ts'
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
import { exitReason } from './exit-reason.ts'
import { xllamacpp } from './xllamacpp.ts'

export interface InstallRequest extends Watch {
  readonly home: string
  readonly machine: Machine
  /** `auto`: what the hardware asks for. */
  readonly accelerator: 'auto' | Accelerator
  /** Of the package; the pinned one if left out. Another one's digest is `sha256`, or recorded at its first use. */
  readonly version?: string
  /** A wheel or a llama.cpp release archive instead: a path, or an https address. */
  readonly from?: string
  /** Of the wheel or archive. Needed for nothing, but what comes is then known to be right. */
  readonly sha256?: string
  readonly env?: Readonly<Record<string, string | undefined>>
}

/**
 * Brings an engine into `<home>/engines/`, never into the user's own environment, and shows that it starts. From then
 * on it is the one in use of its accelerator. What is there already is not brought again; a killed run leaves nothing
 * half-made. Throws the failures of pip, downloads and archives, `Failure('engine_unsupported')`, and
 * `Failure('usage_wrong')`.
 */
export const installEngine = async (request: InstallRequest): Promise<Installation> => {
  mustRunHere(request.machine)
  const { from, version } = request
  if (version !== undefined && (from !== undefined || !/^\d[\w.!+-]*$/.test(version))) {
    const why = from === undefined ? 'is no version' : 'is asked for, but a file has its own'
    throw new Failure('usage_wrong', `The version ${JSON.stringify(version)} ${why}.`)
  }
  if (from === undefined) return installPackage(request)
  return from.startsWith('https://') ? installDownload(request, from) : installFile(request, from, from)
}

/** What a killed run left of the same address is taken up. */
const installDownload = async (request: InstallRequest, url: string): Promise<Installation> => {
  const id = createHash('sha256').update(url).digest('hex').slice(0, 12)
  const folder = join(request.home, 'downloads', id)
  const expected = request.sha256 === undefined ? {} : { sha256: request.sha256 }
  return withLock(join(request.home, 'locks', `download-${id}`), request, async () => {
    const to = join(folder, basename(new URL(url).pathname) || 'engine')
    await download({ ...request, ...expected, url, to })
    try {
      return await installFile(request, to, url)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
}

const acceleratorOf = ({ accelerator, machine }: InstallRequest): Accelerator =>
  accelerator === 'auto' ? (wantedAccelerators(machine)[0] ?? 'cpu') : accelerator

const installPackage = async (request: InstallRequest): Promise<Installation> => {
  const { home, machine } = request
  const { version = xllamacpp.version } = request
  const accelerator = acceleratorOf(request)
  // The public index has the wheels of one accelerator; the project's own indexes have the others.
  const isPublic = accelerator === pinnedAccelerator(machine)
  const platform = `${machine.platform}-${machine.arch}`
  const indexUrl = isPublic ? undefined : xllamacpp.indexes[accelerator]
  if (isPublic ? xllamacpp.wheels[platform] === undefined : indexUrl === undefined) {
    throw new Failure(
      'engine_unsupported',
      `There is no prebuilt engine for ${platform} with ${accelerator}.`,
    )
  }
  const pinned = isPublic && version === xllamacpp.version
  const digest = request.sha256 ?? (pinned ? xllamacpp.wheels[platform] : undefined)
  const name = `xllamacpp-${version}-${accelerator}`
  return staged(request, name, async (folder) => {
    const python = await findPython(request)
    const wheel = {
      name: xllamacpp.name,
      version,
      sha256: digest === undefined ? [] : [digest],
      ...(indexUrl === undefined ? {} : { indexUrl }),
      ...(pinned ? { bytes: xllamacpp.wheelBytes } : {}),
    }
    await pipDownload(python, wheel, folder, request)
    const trust = request.sha256 !== undefined ? 'given' : pinned ? 'pinned' : 'recorded'
    // Before anything of it runs.
    const sha256 = digest ?? (await firstUse(home, `${name}-${platform}`, await contentDigest(folder)))
    await mustServe(python.executable, folder)
    const source = `xllamacpp ${version}${indexUrl === undefined ? '' : ` from ${indexUrl}`}`
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
  const wheel = /^xllamacpp-([\w.+]+)-.*\.whl$/.exec(basename(path))?.[1]
  const name =
    wheel === undefined ? `llama-server-${sha256.slice(0, 12)}` : `xllamacpp-${wheel}-${accelerator}`
  return staged(request, name, async (folder) => {
    await unpack(path, folder, request)
    if (wheel !== undefined) {
      const { executable } = await findPython(request)
      await mustServe(executable, folder)
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
  const installedAt = new Date().toISOString()
  await stage(
    request.home,
    join(enginesFolder, name),
    async (temporary) => writeNote(temporary, { name, ...(await make(temporary)), installedAt }),
    request,
  )
  const found = (await listInstallations(request.home)).find((installation) => installation.name === name)
  if (found === undefined) throw new Failure('internal', `${folder} has no note of its installation.`)
  if (request.sha256 !== undefined && request.sha256 !== found.sha256) {
    throw new Failure(
      'digest_mismatch',
      `${name} is here already, with sha256 ${found.sha256}; delete ${folder} to bring it anew.`,
    )
  }
  const chosen = { ...found, installedAt }
  await writeNote(folder, chosen)
  return chosen
}

/**
 * Loads the package in a process of its own: shows missing libraries and instructions, and a version that does not
 * know what we tell it, before anybody asks a model.
 */
const mustServe = async (python: string, folder: string): Promise<void> => {
  const program = `import sys
sys.path.insert(0, sys.argv[1])
import xllamacpp
params = xllamacpp.CommonParams()
known = lambda names: any(hasattr(params, name) for name in names.split("|"))
print(*(names for names in sys.argv[2:] if not known(names)), sep=", ")`
  const ran = await run([python, '-I', '-S', '-c', program, folder, ...neededParams], { timeoutMs: 120_000 })
  const missing = ran.stdout.trim()
  if (ran.status === 0 && missing === '') return
  if (ran.status === 0) {
    throw new Failure(
      'engine_unsupported',
      `This version of the engine is too old: it does not know ${missing}.`,
    )
  }
  // A shell's way to tell a signal: SIGILL is 4.
  const signal = ran.status === 132 ? 'SIGILL' : null
  const reason = exitReason({ code: ran.status, signal, tail: ran.stderr })
  throw new Failure('engine_unsupported', `The engine does not start here: ${reason}.`)
}
