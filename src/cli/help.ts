import type { Argument, Command, Help, Option } from 'commander'

import { paintFor } from './print.ts'

export interface Example {
  readonly line: string
  readonly about: string
}

/** What a command tells of itself beyond commander's own. */
export interface Documented {
  readonly examples: readonly Example[]
  readonly exits: readonly (readonly [code: number, meaning: string])[]
  /** `inhouse keys create` */
  readonly path: string
}

export const globalGroup = 'Global options:'

/** What commands read of the environment, beside the settings of the config. */
export const variables = [
  ['INHOUSE_HOME', 'the home, where --home is left out'],
  ['INHOUSE_CONFIG', 'the config file, where --config is left out'],
  ['INHOUSE_KEY', 'the key that chat and bench send (the home’s first key if left out)'],
  ['INHOUSE_…', 'a setting of the config: INHOUSE_LISTEN, INHOUSE_LOG_LEVEL …'],
  ['NO_COLOR', 'no colours, on a terminal too'],
] as const

/** First what it does, then how; the options that all commands share come last. */
export const helpLayout: Partial<Help> = {
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
    const { examples, exits, parent, commands } = command as Command & Documented
    const isGroup = parent !== null && examples.length === 0
    const first = commands.flatMap((sub) => (sub as Command & Documented).examples.slice(0, 1))
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
        (isGroup ? first : examples).flatMap(({ line, about }) => [dim(`  # ${about}`), `  ${line}`]),
      ),
      ...section(
        'Exit codes:',
        examples.length === 0 ? [] : exits.map(([code, meaning]) => `  ${code}  ${meaning}`),
      ),
      ...listed(globalGroup),
      ...(parent === null ? list('Environment:', variables) : []),
    ].join('\n')
  },
}

/** `--help --json`: what the help says, for programs. */
export const helpJson = (command: Command & Documented) => ({
  name: command.path,
  description: command.description(),
  usage: `${command.path} ${command.usage()}`.trimEnd(),
  commands: command.commands.map((sub) => ({ name: sub.name(), summary: sub.summary() })),
  arguments: command.registeredArguments.map(argumentJson),
  options: command.options.map(optionJson),
  examples: command.examples,
  exitCodes: command.exits.map(([code, meaning]) => ({ code, meaning })),
  ...(command.parent === null && {
    environment: variables.map(([name, description]) => ({ name, description })),
  }),
})

const argumentJson = (word: Argument) => ({
  name: word.name(),
  description: word.description,
  required: word.required,
  ...(word.argChoices !== undefined && { choices: word.argChoices }),
})

const optionJson = (option: Option) => ({
  flags: option.flags,
  description: option.description,
  required: option.mandatory,
  ...(option.argChoices !== undefined && { choices: option.argChoices }),
  ...(option.defaultValue !== undefined && { default: option.defaultValue as unknown }),
})
