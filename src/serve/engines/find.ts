import { access, constants } from 'node:fs/promises'
import { isAbsolute, join, resolve } from 'node:path'

import { Failure } from '../../core/failure.ts'
import { findPython } from '../../install/python.ts'
import { run } from '../../install/run.ts'
import { engineEnvironment, neededFlags, withLibraries } from './command.ts'
import type { Accelerator, EngineProgram, EngineSettings, LlamaServer } from './engine.ts'
import { folderOf, listInstallations, wantedAccelerators, type Installation } from './installation.ts'
import { missingInstructions, type Machine } from './machine.ts'

export interface Search {
  readonly home: string
  readonly settings: Pick<EngineSettings, 'llamaServer' | 'accelerator'>
  readonly machine: Machine
  readonly env: Readonly<Record<string, string | undefined>>
}

/**
 * The engine to use: the config's llama-server, else the one on PATH, else our own installation that suits the
 * hardware best. An accelerator asked for by name is looked for among our own. Throws `Failure('engine_missing')`
 * and `Failure('engine_unsupported')`.
 */
export const findEngine = async (search: Search): Promise<EngineProgram> => {
  const { llamaServer, accelerator } = search.settings
  if (llamaServer !== undefined) return configured(llamaServer, search)
  const onPath = accelerator === 'auto' ? Bun.which('llama-server', { PATH: search.env['PATH'] ?? '' }) : null
  const inspected = onPath === null ? undefined : await inspect(onPath, search.env)
  if (inspected !== undefined && !(inspected instanceof Failure)) return inspected
  const own = choose(await listInstallations(search.home), wanted(search))
  if (own !== undefined) return program(own, search)
  if (inspected !== undefined) throw inspected
  const kind = accelerator === 'auto' ? '' : ` for ${accelerator}`
  throw new Failure(
    'engine_missing',
    `There is no engine${kind}: no llama-server on PATH, none in ${search.home}.`,
  )
}

const configured = async (path: string, search: Search): Promise<EngineProgram> => {
  const found =
    isAbsolute(path) || path.includes('/')
      ? resolve(path)
      : Bun.which(path, { PATH: search.env['PATH'] ?? '' })
  const usable =
    found !== null &&
    (await access(found, constants.X_OK).then(
      () => true,
      () => false,
    ))
  if (!usable) throw new Failure('engine_missing', `engines.llamaServer is ${path}, which is no program.`)
  const inspected = await inspect(found, search.env)
  if (inspected instanceof Failure) throw inspected
  return inspected
}

const wanted = ({ settings, machine }: Search): readonly Accelerator[] =>
  settings.accelerator === 'auto' ? wantedAccelerators(machine) : [settings.accelerator]

/** Of the first accelerator that is there, the one that was asked for last. Pure. */
const choose = (
  installed: readonly Installation[],
  order: readonly Accelerator[],
): Installation | undefined => {
  for (const accelerator of order) {
    const found = installed.find((installation) => installation.accelerator === accelerator)
    if (found !== undefined) return found
  }
  return undefined
}

const program = async (installation: Installation, search: Search): Promise<EngineProgram> => {
  mustRunHere(search.machine)
  const folder = folderOf(search.home, installation.name)
  const { accelerator, version } = installation
  if (installation.kind === 'llama-server') {
    const inspected = await inspect(join(folder, installation.runs), search.env)
    if (inspected instanceof Failure) throw inspected
    return { ...inspected, accelerator }
  }
  const recorded = await access(installation.runs, constants.X_OK).then(
    () => true,
    () => false,
  )
  const python = recorded ? installation.runs : (await findPython({ env: search.env })).executable
  return { kind: 'xllamacpp', version, folder, python, accelerator }
}

/** Prebuilt engines need some instructions; a build of one's own may not. Throws `Failure('engine_unsupported')`. */
export const mustRunHere = (machine: Machine): void => {
  const missing = missingInstructions(machine)
  if (missing.length === 0) return
  throw new Failure(
    'engine_unsupported',
    `The CPU (${machine.cpu}) lacks ${missing.join(', ')}, which the prebuilt engines need; set engines.llamaServer to a llama-server built for it.`,
  )
}

/** What a llama-server binary says of itself; a Failure when it cannot be used. */
export const inspect = async (path: string, env: Search['env']): Promise<LlamaServer | Failure> => {
  const options = { env: withLibraries(path, engineEnvironment(env)), timeoutMs: 15_000 }
  const [version, help] = await Promise.all([
    run([path, '--version'], options),
    run([path, '--help'], options),
  ])
  const said = /^version: (.+)$/m.exec(`${version.stdout}\n${version.stderr}`)?.[1]
  if (version.status !== 0 || said === undefined) {
    return new Failure('engine_unsupported', `${path} does not run here, or is no llama-server.`)
  }
  const flags = new Set(`${help.stdout}\n${help.stderr}`.match(/(?<=^|[\s,])--[a-z][a-z0-9-]+/gm))
  const missing = neededFlags.filter((flag) => !flags.has(flag))
  if (missing.length > 0) {
    return new Failure(
      'engine_unsupported',
      `${path} (${said}) is too old: it does not know ${missing.join(', ')}.`,
    )
  }
  return { kind: 'llama-server', version: said, path, flags, accelerator: 'unknown' }
}
