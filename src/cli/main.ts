import { commands } from './commands/index.ts'
import { asFailure, Failure } from '../core/failure.ts'
import { exitCodeOf, failureJson, failureText } from './fail.ts'
import { paintFor } from './print.ts'
import { version } from '../version.ts'
import type { InhouseCommand } from './command.ts'

/** Runs a command line. Answers the exit code: 0 done, 1 failed or found something, 2 wrong usage or config. */
export async function main(argv: readonly string[]): Promise<number> {
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
    process.stdout.write(`${version}\n`)
    return 0
  }
  try {
    const program = await buildProgram(namedIn(argv))
    await parse(program, argv)
    return program.exitCode
  } catch (thrown) {
    // `| head` has read enough.
    if ((thrown as { code?: unknown } | undefined)?.code === 'EPIPE') return 0
    return fail(thrown, argv)
  }
}

/** The whole tree of commands, where `wanted` says which of them are needed in full. */
export async function buildProgram(wanted: (name: string) => boolean): Promise<InhouseCommand> {
  const { InhouseCommand: Root } = await import('./command.ts')
  const program = new Root('inhouse')
    .description(
      'Brings an organisation’s LLM work in house: a private model behind one endpoint, metered and guarded.',
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
    if (thrown.code === 'commander.help') program.exitCode = 2
    else throw new Failure('usage_wrong', sentence(thrown.message), { cause: thrown })
  }
}

/** `error: unknown option '--x'` → `Unknown option '--x'.` */
const sentence = (message: string): string => {
  const [what = '', ...hints] = message.replace(/^error: /, '').split('\n')
  return [`${what.charAt(0).toUpperCase()}${what.slice(1).replace(/\.$/, '')}.`, ...hints].join('\n')
}

function fail(thrown: unknown, argv: readonly string[]): number {
  const failure = asFailure(thrown)
  if (argv.includes('--json')) process.stdout.write(`${JSON.stringify(failureJson(failure), undefined, 2)}\n`)
  else process.stderr.write(failureText(thrown, paintFor(process.stderr)))
  return exitCodeOf(failure)
}
