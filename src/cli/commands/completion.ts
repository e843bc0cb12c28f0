import { Argument, type Command } from 'commander'

import type { InhouseCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { buildProgram } from '../main.ts'

const shells = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof shells)[number]

export const completion = (command: InhouseCommand): void => {
  command
    .description('Prints a script that teaches a shell the commands, options and choices of inhouse.')
    .addArgument(new Argument('<shell>', 'which shell').choices(shells))
    .example('inhouse completion bash > ~/.local/share/bash-completion/completions/inhouse', 'bash, for good')
    .example('inhouse completion zsh > "${fpath[1]}/_inhouse"', 'zsh, for good')
    .example('inhouse completion fish > ~/.config/fish/completions/inhouse.fish', 'fish, for good')
    .runs(async (context: Context, _: object, shell: Shell) => {
      const script = scripts[shell](pathsOf(await buildProgram(() => true)))
      context.result({ shell, script }, () => script)
    })
}

/** A command with the words that may follow it. */
interface Path {
  /** ` keys create`; empty for the program itself. */
  readonly path: string
  readonly about: string
  readonly subcommands: readonly string[]
  readonly options: readonly { readonly flag: string; readonly about: string; readonly takesValue: boolean }[]
  /** Words that an argument or an option's value may be. */
  readonly choices: readonly { readonly flag: string | undefined; readonly values: readonly string[] }[]
}

const pathsOf = (command: Command, path = ''): Path[] => [
  {
    path,
    about: command.summary(),
    subcommands: command.commands.map((sub) => sub.name()),
    options: [
      ...command.options.map((option) => ({
        flag: option.long ?? option.short ?? '',
        about: option.description,
        takesValue: option.required || option.optional,
      })),
      { flag: '--help', about: 'show this help', takesValue: false },
    ],
    choices: [
      ...command.options.map((option) => ({ flag: option.long ?? '', values: option.argChoices ?? [] })),
      ...command.registeredArguments.map((word) => ({ flag: undefined, values: word.argChoices ?? [] })),
    ].filter(({ values }) => values.length > 0),
  },
  ...command.commands.flatMap((sub) => pathsOf(sub, `${path} ${sub.name()}`)),
]

/** What may stand next at a path: commands, words, options. */
const wordsAt = ({ subcommands, choices, options }: Path): string =>
  [
    ...subcommands,
    ...choices.flatMap(({ flag, values }) => (flag === undefined ? values : [])),
    ...options.map(({ flag }) => flag),
  ].join(' ')

const valuesOf = (paths: readonly Path[]): (readonly [place: string, values: string])[] =>
  paths.flatMap(({ path, choices }) =>
    choices.flatMap(({ flag, values }) =>
      flag === undefined ? [] : [[`${path} ${flag}`, values.join(' ')] as const],
    ),
  )

/** Options whose next word is their value, whatever it looks like. */
const valueFlags = (paths: readonly Path[]): string[] => [
  ...new Set(
    paths.flatMap(({ options }) => options.filter(({ takesValue }) => takesValue).map(({ flag }) => flag)),
  ),
]

/** Follows the words up to the cursor along the known paths. */
const walk = (paths: readonly Path[]): string =>
  `case "$before" in
      ${valueFlags(paths).join('|')}) ;;
      *) case "$place $word" in
        ${paths
          .slice(1)
          .map(({ path }) => `"${path}"`)
          .join('|')}) place="$place $word" ;;
      esac ;;
    esac
    before=$word`

/** The lists, as a nested `case`: first what may be an option's value, then what may stand at a path. */
const lists = (
  paths: readonly Path[],
  path: string,
  previous: string,
): string => `case "${path} ${previous}" in
${valuesOf(paths)
  .map(([place, values]) => `    "${place}") list="${values}" ;;`)
  .join('\n')}
    *) case "${path}" in
${paths.map((at) => `      "${at.path}") list="${wordsAt(at)}" ;;`).join('\n')}
    esac ;;
  esac`

const bash = (paths: readonly Path[]): string => `# bash completion of inhouse
_inhouse() {
  local place= list= before= word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    ${walk(paths)}
  done
  ${lists(paths, '$place', '${COMP_WORDS[COMP_CWORD-1]}')}
  COMPREPLY=($(compgen -W "$list" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _inhouse inhouse
`

const zsh = (paths: readonly Path[]): string => `#compdef inhouse
_inhouse() {
  local place= list= before= word
  for word in "\${(@)words[2,CURRENT-1]}"; do
    ${walk(paths)}
  done
  ${lists(paths, '$place', '${words[CURRENT-1]}')}
  compadd -- \${=list} || _files
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _inhouse "$@"; else compdef _inhouse inhouse; fi
`

const fish = (paths: readonly Path[]): string => {
  const quoted = (text: string): string => `'${text.replaceAll(/['\\]/g, '\\$&')}'`
  const at = ({ path }: Path): string => `complete -c inhouse -n "__inhouse_at '${path}'"`
  const lines = paths.flatMap((here) => [
    ...paths
      .filter(({ path }) => path === `${here.path} ${path.split(' ').at(-1)}` && path !== here.path)
      .map(({ path, about }) => `${at(here)} -f -a ${path.split(' ').at(-1)} -d ${quoted(about)}`),
    ...here.options.map(
      ({ flag, about, takesValue }) =>
        `${at(here)} -l ${flag.slice(2)}${takesValue ? ' -r' : ''} -d ${quoted(about)}`,
    ),
    ...here.choices.map(({ flag, values }) =>
      flag === undefined
        ? `${at(here)} -f -a ${quoted(values.join(' '))}`
        : `${at(here)} -l ${flag.slice(2)} -x -a ${quoted(values.join(' '))}`,
    ),
  ])
  return `# fish completion of inhouse
function __inhouse_at
  set -l place ''
  set -l before ''
  for word in (commandline -opc)[2..-1]
    if not contains -- "$before" ${valueFlags(paths).join(' ')}
      and contains -- "$place $word" ${paths
        .slice(1)
        .map(({ path }) => `'${path}'`)
        .join(' ')}
      set place "$place $word"
    end
    set before $word
  end
  test "$place" = "$argv[1]"
end
${lines.join('\n')}
`
}

const scripts: Readonly<Record<Shell, (paths: readonly Path[]) => string>> = { bash, zsh, fish }
