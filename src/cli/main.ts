import { commands } from './commands/index.ts'
import { asFailure } from '../core/failure.ts'
import { exitCodeOf, failureJson, failureText } from './fail.ts'
import { pathFailure } from './path-failure.ts'
import { paintFor } from './print.ts'
import { version } from '../version.ts'
import type { InhouseCommand } from './command.ts'

/** Runs a command line. Answers the exit code: 0 done, 1 failed or found something, 2 wrong usage or config. */
export async function main(argv: readonly string[]): Promise<number> {
  if (asksVersion(argv)) {
    process.stdout.write(argv.includes('--json') ? `${JSON.stringify({ version })}\n` : `${version}\n`)
    return 0
  }
  try {
    const program = await buildProgram(namedIn(argv))
    await parse(program, argv[0] === 'help' ? [...argv.slice(1), '--help'] : argv)
    return program.exitCode
  } catch (thrown) {
    // `| head` has read enough.
    if ((thrown as { code?: unknown } | undefined)?.code === 'EPIPE') return 0
    return fail(thrown, argv)
  }
}

/** Without a command, whatever else stands beside it. */
const asksVersion = (argv: readonly string[]): boolean =>
  argv.some((word) => word === '--version' || word === '-V') && argv.every((word) => word.startsWith('-'))

/** The whole tree of commands, where `wanted` says which of them are needed in full. */
export async function buildProgram(wanted: (name: string) => boolean): Promise<InhouseCommand> {
  const { InhouseCommand: Root } = await import('./command.ts')
  const program = new Root('inhouse')
    .description(
      'Brings an organisation’s LLM work in house: a private model behind one endpoint, metered and guarded. `inhouse help COMMAND` shows what a command takes, with examples.',
    )
    .option('-V, --version', 'print the version')
    .example('inhouse serve', 'bring an engine and a small model, and serve it on 127.0.0.1:4141')
    .example('inhouse chat "Why is the sky blue?"', 'ask it something')
  for (const { name, summary, load } of commands) {
    const command = program.createCommand(name).summary(summary)
    if (wanted(name)) (await load())(command)
    program.addCommand(command)
  }
  return program.groups()
}

/** Every word of the line could be the command: a name too many costs a file, a name too few the command. */
const namedIn =
  (argv: readonly string[]) =>
  (name: string): boolean =>
    argv.includes(name)

async function parse(program: InhouseCommand, argv: readonly string[]): Promise<void> {
  const { CommanderError } = await import('commander')
  try {
    await program.parseAsync(argv, { from: 'user' })
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown
    if (thrown.exitCode === 0) return
    // A command without its subcommand: its help has been shown.
    program.exitCode = 2
  }
}

function fail(thrown: unknown, argv: readonly string[]): number {
  const told = pathFailure(thrown)
  const failure = asFailure(told)
  if (argv.includes('--json')) process.stdout.write(`${JSON.stringify(failureJson(failure), undefined, 2)}\n`)
  else process.stderr.write(failureText(told, paintFor(process.stderr)))
  return exitCodeOf(failure)
}
