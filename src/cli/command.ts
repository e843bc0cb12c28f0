import { Command, Option, type HelpContext } from 'commander'

import { nearest } from '../config/nearest.ts'
import { Failure } from '../core/failure.ts'
import { createContext, type Context, type GlobalOptions } from './context.ts'
import { globalGroup, helpJson, helpLayout, type Documented, type Example } from './help.ts'

/** What a command does; answers its exit code, 0 when it answers nothing. `args` are as commander read them. */
export type Work<Options, Args extends unknown[]> = (
  context: Context,
  options: Options,
  ...args: Args
) => Promise<number | void>

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
export class InhouseCommand extends Command implements Documented {
  readonly examples: Example[] = []
  #failsWhen = 'it failed'
  /** Of the command that ran; on the root. */
  exitCode = 0

  constructor(name?: string) {
    super(name)
    this.exitOverride()
    this.helpCommand(false)
    // The options of a command stand behind it: `--version` means one thing there, and another before it.
    this.enablePositionalOptions()
    this.addHelpOption(new Option('-h, --help', 'show this help').helpGroup(globalGroup))
    // What is wrong is told by `main`, in the words of all failures.
    this.configureOutput({
      outputError: () => {},
      getOutHelpWidth: () => width(process.stdout),
      getErrHelpWidth: () => width(process.stderr),
    })
    this.configureHelp(helpLayout)
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
      // What stands nearer to the end of the line counts.
      const options: Options & GlobalOptions = { ...this.optsWithGlobals(), ...this.opts() }
      const code = await work(createContext(options), options, ...(this.processedArgs as Args))
      this.#root().exitCode = code ?? 0
    })
  }

  /** The last word of a definition of a command that only has others below it. */
  groups(): this {
    return this.#addGlobals()
  }

  /** What commander refuses, as a failure. `error: unknown option '--x'\n(Did …?)` → `Unknown option '--x'. Did …?` */
  override error(message: string): never {
    const [what = '', ...hints] = message.replace(/^error: /, '').split('\n')
    const sentence = `${what.charAt(0).toUpperCase()}${what.slice(1).replace(/\.$/, '')}.`
    const shows = this.commands.length === 0 ? 'shows its options, with examples' : 'lists the commands'
    throw new Failure('usage_wrong', {
      message: [sentence, ...hints.map((hint) => hint.replace(/^\((.*)\)$/, '$1'))].join(' '),
      help: `\`${this.path} --help\` ${shows}.`,
    })
  }

  /** Without its subcommand: a person is shown what there is, a program is told. */
  override help(context?: HelpContext | ((text: string) => string)): never {
    if (this.optsWithGlobals<GlobalOptions>().json === true)
      this.error(`a command is missing: ${this.commands.map((command) => command.name()).join(', ')}`)
    return super.help(context as HelpContext)
  }

  /** Help of a command that there is not would be help of another one. */
  override outputHelp(context?: HelpContext | ((text: string) => string)): void {
    const names = this.commands.map((command) => command.name())
    const word = this.args.find((arg) => !arg.startsWith('-'))
    if (names.length > 0 && word !== undefined && !names.includes(word)) {
      const meant = nearest(word, names)
      this.error(`unknown command '${word}'${meant === undefined ? '' : `\n(Did you mean ${meant}?)`}`)
    }
    if (this.optsWithGlobals<GlobalOptions>().json === true)
      createContext({ json: true }).result(helpJson(this), () => '')
    else super.outputHelp(context as HelpContext)
  }

  /** `inhouse keys create` */
  get path(): string {
    return this.parent instanceof InhouseCommand ? `${this.parent.path} ${this.name()}` : this.name()
  }

  #addGlobals(): this {
    for (const option of globals()) this.addOption(option.helpGroup(globalGroup))
    return this
  }

  #root(): InhouseCommand {
    return this.parent instanceof InhouseCommand ? this.parent.#root() : this
  }
}

const width = (stream: { readonly columns?: number }): number => Math.min(stream.columns || 100, 110)
