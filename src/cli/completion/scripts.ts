import type { NameKind } from './names.ts'
import type { Path, PathOption } from './paths.ts'

export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

/** The script of a shell. Commands and options stand in it; names are asked for while somebody types. */
export const scriptOf = (shell: Shell, paths: readonly Path[]): string => scripts[shell](paths)

/** Options whose next word is their value, whatever it looks like. */
const valueFlags = (paths: readonly Path[]): string[] => [
  ...new Set(
    paths.flatMap(({ options }) => options.filter(({ takesValue }) => takesValue).map(({ flag }) => flag)),
  ),
]

/** Of bash and zsh: follows the words up to the cursor along the known paths. */
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

/** Of bash and zsh: words, or what the program itself answers. */
const listed = (words: readonly string[], names: NameKind | undefined): string =>
  names === undefined ? `list="${words.join(' ')}"` : `list=$("$self" completion ${names} 2>/dev/null)`

const flagsOf = ({ options }: Path): string[] => options.map(({ flag }) => flag)

/** Commands and choices, else names, else files, else options. */
const wordsAt = (path: Path): string =>
  listed(path.words.length > 0 || path.takesAny ? path.words : flagsOf(path), path.names)

/** Of bash and zsh: first what may be an option's value, then options, then what else may stand at a path. */
const lists = (paths: readonly Path[]): string => {
  const valued = paths.flatMap(({ path, options }) =>
    options.filter(hasValues).map((option) => ({ place: `${path} ${option.flag}`, ...option })),
  )
  return `case "$place $before" in
${valued.map(({ place, values, names }) => `    "${place}") ${listed(values, names)} ;;`).join('\n')}
    *${valueFlags(paths).join('|*')}) ;;
    *) case "$place:$cur" in
${paths.map((path) => `      "${path.path}:-"*) list="${flagsOf(path).join(' ')}" ;;`).join('\n')}
${paths.map((path) => `      "${path.path}:"*) ${wordsAt(path)} ;;`).join('\n')}
    esac ;;
  esac`
}

const hasValues = ({ values, names }: PathOption): boolean => values.length > 0 || names !== undefined

/** The line is taken apart here: bash itself also does so at each `:` and `=`. Runs on the bash 3.2 of macOS. */
const bash = (paths: readonly Path[]): string => `# bash completion of inhouse
_inhouse() {
  local self=$1 line="\${COMP_LINE:0:COMP_POINT}" place= list= before= word cur
  local -a words
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  cur="\${words[\${#words[@]}-1]}"
  for word in "\${words[@]:1:\${#words[@]}-2}"; do
    ${walk(paths)}
  done
  if [[ $cur == --*=* ]]; then before="\${cur%%=*}"; cur="\${cur#*=}"; fi
  ${lists(paths)}
  COMPREPLY=($(compgen -W "$list" -- "$cur"))
  [[ $cur == *:* ]] && COMPREPLY=("\${COMPREPLY[@]#"\${cur%"\${cur##*:}"}"}")
  return 0
}
complete -o default -F _inhouse inhouse
`

const zsh = (paths: readonly Path[]): string => `#compdef inhouse
_inhouse() {
  local self=\${words[1]} cur=\${words[CURRENT]} place= list= before= word
  for word in "\${(@)words[2,CURRENT-1]}"; do
    ${walk(paths)}
  done
  if [[ $cur == --*=* ]]; then before="\${cur%%=*}"; cur="\${cur#*=}"; compset -P '*='; fi
  ${lists(paths)}
  compadd -- \${=list} || _files
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _inhouse "$@"; else compdef _inhouse inhouse; fi
`

const fish = (paths: readonly Path[]): string => {
  const quoted = (text: string): string => `'${text.replaceAll(/['\\]/g, '\\$&')}'`
  const asked = (words: readonly string[], names: NameKind | undefined): string =>
    quoted(names === undefined ? words.join(' ') : `(inhouse completion ${names} 2>/dev/null)`)
  const about = new Map(paths.map((path) => [path.path, path.about]))
  const lines = paths.flatMap((here) => {
    const at = `complete -c inhouse -n "__inhouse_at '${here.path}'"`
    return [
      ...(here.takesAny ? [] : [`${at} -f`]),
      ...here.words.map((word) => {
        const told = about.get(`${here.path} ${word}`)
        return `${at} -a ${word}${told === undefined ? '' : ` -d ${quoted(told)}`}`
      }),
      ...(here.names === undefined ? [] : [`${at} -a ${asked([], here.names)}`]),
      ...here.options.map((option) => {
        const value = hasValues(option) ? ` -x -a ${asked(option.values, option.names)}` : ' -r'
        const told = option.takesValue ? value : ''
        return `${at} -l ${option.flag.slice(2)}${told} -d ${quoted(option.about)}`
      }),
    ]
  })
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
