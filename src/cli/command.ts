import { Command, Help, Option } from 'commander'

import { createContext, type Context, type GlobalOptions } from './context.ts'
import { paintFor } from './print.ts'

export interface Example {
  readonly line: string
  readonly about: string
}

/** What a command does; answers its exit code, 0 when it answers nothing. `args` are as commander read them. */
export type Work<Options, Args extends unknown[]> = (
  context: Context,
  options: Options,
  ...args: Args
) => Promise<number | void>

const globalGroup = 'Global options:'

const globals = (): readonly Option[] => [
  new Option('--home <dir>', 'folder of keys, ledger, engines and models (INHOUSE_HOME, else the XDG data folder)'),
  new Option('--config <file>', 'config file'),
  new Option('--json', 'print one JSON document on the standard output'),
  new Option('--quiet', 'say only the outcome, and what went wrong'),
]

/** A command that documents itself: with examples, exit codes, and the global options behind its own. */
export class InhouseCommand extends Command {
  readonly examples: Example[] = []
  #failsWhen = 'it failed'
  /** Of the command that ran; on the root. */
  exitCode = 0

  constructor(name?: string) {
    super(name)
    this.exitOverride()
    this.helpCommand(false)
    this.addHelpOption(new Option('-h, --help', 'show this help').helpGroup(globalGroup))
    // What is wrong is told by `main`, in the words of all failures.
    this.configureOutput({ outputError: () => {}, getOutHelpWidth: () => width(process.stdout) })
    this.configureHelp(layout)
  }

  override createCommand(name?: string): InhouseCommand {
    return new InhouseCommand(name)
  }

  example(line: string, about: string): this {
    this.examples.push({ line, about })
    return this
  }

  /** What exit code 1 means here: `1 when …`. */
  failsWhen(text: string): this {
    this.#failsWhen = text
    return this
  }

  get exits(): readonly (readonly [code: number, meaning: string])[] {
    return [
      [0, 'done'],
      [1, this.#failsWhen],
      [2, 'wrong usage or config'],
    ]
  }

  /** The last word of a definition: what the command does. */
  runs<Options, Args extends unknown[]>(work: Work<Options, Args>): this {
    this.#addGlobals()
    return this.action(async () => {
      const options = this.optsWithGlobals<Options & GlobalOptions>()
      const code = await work(createContext(options), options, ...(this.processedArgs as Args))
      this.#root().exitCode = code ?? 0
    })
  }

  /** The last word of a definition of a command that only has others below it. */
  groups(): this {
    return this.#addGlobals()
  }

  #addGlobals(): this {
    for (const option of globals()) this.addOption(option.helpGroup(globalGroup))
    return this
  }

  #root(): InhouseCommand {
    return this.parent instanceof InhouseCommand ? this.parent.#root() : this
  }
}

const width = (stream: { readonly columns?: number }): number => Math.min(stream.columns ?? 100, 110)

/** First what it does, then how; examples and exit codes before the options that all commands share. */
const layout: Partial<Help> = {
  formatHelp(command, helper) {
    const paint = paintFor(process.stdout)
    const lines = Help.prototype.formatHelp.call(this, command, helper).trimEnd().split('\n')
    const usage = lines.slice(0, 1)
    const at = lines.findIndex((line) => line.includes(globalGroup))
    const about = helper.boxWrap(helper.commandDescription(command), helper.helpWidth ?? 100)
    const described = about === '' ? [] : [about, '']
    const own = lines.slice(1 + (about === '' ? 0 : about.split('\n').length + 1), at)
    const shared = at === -1 ? [] : lines.slice(at)
    const ending = command instanceof InhouseCommand ? endingOf(command, paint.bold) : []
    return `${[...described, ...usage, ...own, ...ending, ...shared].join('\n')}\n`
  },
  styleTitle: (title) => paintFor(process.stdout).bold(title),
  subcommandTerm: (command) => command.name(),
}

const endingOf = (command: InhouseCommand, bold: (text: string) => string): string[] => {
  if (command.examples.length === 0) return []
  const examples = command.examples.flatMap(({ line, about }) => [`  # ${about}`, `  ${line}`])
  const exits = command.exits.map(([code, meaning]) => `  ${code}  ${meaning}`)
  return [bold('Examples:'), ...examples, '', bold('Exit codes:'), ...exits, '']
}
