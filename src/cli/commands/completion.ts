import { Argument, InvalidArgumentError } from 'commander'

import { nameKinds, namesOf, type NameKind } from '../completion/names.ts'
import { pathsOf } from '../completion/paths.ts'
import { scriptOf, shells, type Shell } from '../completion/scripts.ts'
import type { InhouseCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { buildProgram } from '../main.ts'

export const completion = (command: InhouseCommand): void => {
  command
    .description(
      'Prints a script that teaches a shell the commands, options and choices of inhouse, and the names of models, places and keys (of the home and config that INHOUSE_HOME and INHOUSE_CONFIG name).',
    )
    .addArgument(new Argument('<shell>', 'which shell').choices(shells).argParser(shellOrNames))
    .example('inhouse completion bash > ~/.local/share/bash-completion/completions/inhouse', 'bash, for good')
    .example('inhouse completion zsh > "${fpath[1]}/_inhouse"', 'zsh, for good')
    .example('inhouse completion fish > ~/.config/fish/completions/inhouse.fish', 'fish, for good')
    .example('source <(inhouse completion bash)', 'bash, for this session')
    .runs(run)
}

/** Beside the shells the scripts themselves ask, for the names that there are just now. */
const shellOrNames = (word: string): Shell | NameKind => {
  const known = [...shells, ...nameKinds].find((each) => each === word)
  if (known !== undefined) return known
  throw new InvalidArgumentError(`It is one of ${shells.join(', ')}.`)
}

const isShell = (word: Shell | NameKind): word is Shell => shells.some((shell) => shell === word)

const run = async (context: Context, _: object, word: Shell | NameKind): Promise<void> => {
  if (isShell(word)) {
    const script = scriptOf(word, pathsOf(await buildProgram(() => true)))
    context.result({ shell: word, script }, () => script)
    return
  }
  const names = await namesOf(word, context)
  context.result(names, () => names.map((name) => `${name}\n`).join(''))
}
