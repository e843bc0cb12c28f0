import { Option } from 'commander'

import { engineSettings } from '../../app/local-models.ts'
import { asFailure, Failure } from '../../core/failure.ts'
import { accelerators, type Accelerator, type EngineProgram } from '../../serve/engines/engine.ts'
import { findEngine } from '../../serve/engines/find.ts'
import { installEngine } from '../../serve/engines/install.ts'
import { listInstallations, type Installation } from '../../serve/engines/installation.ts'
import { readMachine } from '../../serve/engines/machine.ts'
import { xllamacpp } from '../../serve/engines/xllamacpp.ts'
import type { InhouseCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { sha256 as digest } from '../parse.ts'
import { facts, table, type Column } from '../print.ts'
import { withBars } from '../progress.ts'

interface InstallOptions {
  readonly accelerator: 'auto' | Accelerator
  readonly version?: string
  readonly from?: string
  readonly sha256?: string
}

export const engines = (command: InhouseCommand): void => {
  command.description(
    'Lists and installs the engines that run models on this machine: llama.cpp’s server, in the home.',
  )
  command
    .command('list')
    .summary('show the engines')
    .description(
      'Shows the engine in use (the config’s, else a llama-server on PATH, else the installed one that suits the hardware best, of several the one that was installed last) and all that are installed.',
    )
    .example('inhouse engines list', 'what there is')
    .example('inhouse engines list --json | jq .inUse', 'the one in use, for a program')
    .failsWhen('there is none')
    .runs(list)
  command
    .command('install')
    .summary('bring an engine')
    .description(
      'Brings an engine into the home, through your own pip or uv, and shows that it starts. Your own Python environment is not touched; a run that is killed leaves nothing half-made. For cuda, rocm and vulkan nobody publishes digests: that of all files is recorded at the first use and shown, and another one later is refused.',
    )
    .addOption(
      new Option('--accelerator <name>', 'what it computes on; auto: what the hardware asks for')
        .choices(['auto', ...accelerators])
        .default('auto'),
    )
    .addOption(
      new Option(
        '--version <version>',
        `a version of the package xllamacpp other than the pinned ${xllamacpp.version}; its digest is recorded at first use, or given with --sha256`,
      ).conflicts('from'),
    )
    .option(
      '--from <file>',
      'a wheel of xllamacpp or a release archive of llama.cpp instead: a path or an https address',
    )
    .option('--sha256 <hex>', 'what the wheel or archive must have', digest)
    .example('inhouse engines install', 'the one for this machine')
    .example('inhouse engines install --accelerator cuda', 'for an NVIDIA GPU')
    .example('inhouse engines install --accelerator vulkan', 'a GPU without its vendor’s libraries')
    .example(
      'inhouse engines install --version 2026.9.11063',
      'another version; the plain command goes back to the pinned one',
    )
    .example('inhouse engines install --from ./llama-b6500-bin-ubuntu-x64.zip', 'in a closed network')
    .failsWhen('it could not be brought or does not start here; nothing of it stays')
    .runs(install)
  command.groups()
}

const list = async (context: Context): Promise<number> => {
  const { config } = await context.load({ secrets: 'unread' })
  const installed = await listInstallations(context.home)
  const settings = engineSettings(config)
  const inUse = await findEngine({
    home: context.home,
    settings,
    machine: await readMachine(),
    env: process.env,
  }).catch(asFailure)
  const program = inUse instanceof Failure ? undefined : inUse
  const document = {
    inUse:
      program === undefined ? null : { ...program, ...('flags' in program && { flags: [...program.flags] }) },
    problem: inUse instanceof Failure ? inUse.message : null,
    installed,
  }
  context.result(
    document,
    (paint) =>
      (inUse instanceof Failure
        ? `${inUse.message}\n${paint.dim('→')} ${inUse.help}\n`
        : `In use: ${programText(inUse)}\n`) +
      (installed.length === 0 ? '' : `\n${table(columns, installed, paint)}`),
  )
  return program === undefined ? 1 : 0
}

const programText = (program: EngineProgram): string =>
  program.kind === 'llama-server'
    ? `llama-server ${program.version} at ${program.path}`
    : `xllamacpp ${program.version} (${program.accelerator}) in ${program.folder}, with ${program.python}`

const columns: readonly Column<Installation>[] = [
  { title: 'ENGINE', cell: ({ kind }) => kind },
  { title: 'VERSION', cell: ({ version }) => version },
  { title: 'FOR', cell: ({ accelerator }) => accelerator },
  { title: 'SHA256', cell: ({ sha256 }) => sha256.slice(0, 12) },
  { title: 'TRUST', cell: ({ trust }) => trust },
  { title: 'FROM', cell: ({ source }) => source },
]

const trustText: Readonly<Record<Installation['trust'], string>> = {
  pinned: 'pinned by inhouse',
  given: 'given by you',
  recorded: 'recorded at first use: nobody vouches for it; another one later is refused',
}

const install = async (
  context: Context,
  { accelerator, version, from, sha256 }: InstallOptions,
): Promise<void> => {
  const { config } = await context.load({ secrets: 'unread' })
  await mustBeThere(from)
  if (config.offline && from === undefined)
    throw new Failure('network_unreachable', {
      message: 'inhouse is set to `offline: true`, so nothing is downloaded.',
      help: 'Bring a wheel or an archive on a file with `--from FILE`, or unset `offline` in the config or INHOUSE_OFFLINE.',
    })
  const machine = await readMachine()
  const installation = await withBars(context.bars(), (onProgress) =>
    installEngine({
      home: context.home,
      machine,
      accelerator,
      ...(version !== undefined && { version }),
      ...(from !== undefined && { from }),
      ...(sha256 !== undefined && { sha256 }),
      env: process.env,
      onProgress,
    }),
  )
  context.result(installation, (paint) =>
    facts(
      [
        ['engine', `${installation.kind} ${installation.version} (${installation.accelerator})`],
        ['from', installation.source],
        ['sha256', `${installation.sha256} (${trustText[installation.trust]})`],
      ],
      paint,
    ),
  )
}

const mustBeThere = async (from: string | undefined): Promise<void> => {
  if (from === undefined || from.startsWith('https://') || (await Bun.file(from).exists())) return
  throw new Failure('usage_wrong', {
    message: `There is no file ${from}.`,
    help: 'Name a wheel of xllamacpp or a release archive of llama.cpp: a path, or an address with https://.',
  })
}
