import type { Command } from 'commander'

import type { NameKind } from './names.ts'

/** A command with what may follow it. */
export interface Path {
  /** ` keys create`; empty for the program itself. */
  readonly path: string
  readonly about: string
  /** Subcommands, and words that its argument may be. */
  readonly words: readonly string[]
  /** Of its argument. */
  readonly names: NameKind | undefined
  /** Its argument may be anything, a file for one. */
  readonly takesAny: boolean
  readonly options: readonly PathOption[]
}

export interface PathOption {
  readonly flag: string
  readonly about: string
  readonly takesValue: boolean
  readonly values: readonly string[]
  readonly names: NameKind | undefined
}

/** Where names stand that only the config or the store knows: behind an option, or as a command's argument. */
export const namedPlaces: Readonly<Record<string, NameKind>> = {
  ' chat --model': 'models',
  ' connect --model': 'models',
  ' launch --model': 'models',
  ' bench': 'models',
  ' models pull': 'models',
  ' models remove': 'models',
  ' keys create --models': 'models',
  ' keys create --places': 'places',
  ' keys revoke': 'keys',
}

/** A command and all below it. */
export const pathsOf = (command: Command, path = ''): Path[] => {
  const argued = command.registeredArguments
  const options = command.options.map((option): PathOption => {
    const flag = option.long ?? option.short ?? ''
    const takesValue = option.required || option.optional
    const names = namedPlaces[`${path} ${flag}`]
    return { flag, about: option.description, takesValue, values: option.argChoices ?? [], names }
  })
  const words = [
    ...command.commands.map((sub) => sub.name()),
    ...(path === '' ? ['help'] : []),
    ...argued.flatMap((word) => word.argChoices ?? []),
  ]
  const names = namedPlaces[path]
  const takesAny = argued.length > 0 && words.length === 0 && names === undefined
  const here = { path, about: command.summary(), words, names, takesAny, options: [...options, help] }
  return [here, ...command.commands.flatMap((sub) => pathsOf(sub, `${path} ${sub.name()}`))]
}

const help: PathOption = {
  flag: '--help',
  about: 'show this help',
  takesValue: false,
  values: [],
  names: undefined,
}
