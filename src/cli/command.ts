import { Command, Option, type Help } from 'commander'

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

export const globalGroup = 'Global options:'

const globals = (): readonly Option[] => [
  new Option(
    '--home <dir>',
    'folder of keys, ledger, engines and models (INHOUSE_HOME, else the user’s data folder)',
  ),
  new Option(
    '--config <file>',
    'config file (INHOUSE_CONFIG, else the home’s inhouse.yaml; serve, config and doctor take this folder’s first)',
  ),
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

/** First what it does, then how; the options that all commands share come last. */
const layout: Partial<Help> = {
  formatHelp(command, helper) {
    const { bold, dim } = paintFor(process.stdout)
    const termWidth = helper.padWidth(command, helper)
    const section = (heading: string, lines: readonly string[]): string[] =>
      lines.length === 0 ? [] : [bold(heading), ...lines, '']
    const list = (heading: string, items: readonly (readonly [term: string, about: string])[]): string[] =>
      section(
        heading,
        items.map(([term, about]) => helper.formatItem(term, termWidth, about, helper)),
      )
    const options = Map.groupBy(
      helper.visibleOptions(command),
      (option) => option.helpGroupHeading ?? 'Options:',
    )
    const listed = (heading: string): string[] =>
      list(
        heading,
        (options.get(heading) ?? []).map((option) => [
          helper.optionTerm(option),
          helper.optionDescription(option),
        ]),
      )
    const { examples, exits } = command as InhouseCommand
    return [
      helper.boxWrap(helper.commandDescription(command), helper.helpWidth ?? 100),
      '',
      `${bold('Usage:')} ${helper.commandUsage(command)}`,
      '',
      ...list(
        'Commands:',
        helper.visibleCommands(command).map((sub) => [sub.name(), helper.subcommandDescription(sub)]),
      ),
      ...list(
        'Arguments:',
        helper
          .visibleArguments(command)
          .map((word) => [helper.argumentTerm(word), helper.argumentDescription(word)]),
      ),
      ...listed('Options:'),
      ...section(
        'Examples:',
        examples.flatMap(({ line, about }) => [dim(`  # ${about}`), `  ${line}`]),
      ),
      ...section(
        'Exit codes:',
        examples.length === 0 ? [] : exits.map(([code, meaning]) => `  ${code}  ${meaning}`),
      ),
      ...listed(globalGroup),
    ].join('\n')
  },
}
