import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'

import { Option } from 'commander'

import { renderConfig } from '../../config/render.ts'
import type { Note } from '../../config/import/foreign.ts'
import { Failure } from '../../core/failure.ts'
import { readMachine } from '../../serve/engines/machine.ts'
import { betterModel } from '../advice.ts'
import type { InhouseCommand } from '../command.ts'
import { replaceConfig } from '../config-file.ts'
import type { Context } from '../context.ts'
import { answersOf } from '../init/ask.ts'
import { composed, type Composed } from '../init/compose.ts'
import { importedFrom, programs, type Program } from '../init/import.ts'
import { foundHere } from '../init/look.ts'
import { table, type Paint } from '../print.ts'
import { diffText, mayWrite } from '../writing.ts'

interface Options {
  readonly from?: Program
  readonly yes?: boolean
  readonly force?: boolean
  readonly dryRun?: boolean
}

export const init = (command: InhouseCommand): void => {
  command
    .description(
      'Writes a first config: finds the engines that run on this machine, asks a few questions, shows what it would write. With --from it takes over the config of another program, and names what has no counterpart, line by line. Secrets become ${NAME}, never their text.',
    )
    .argument(
      '[file]',
      'the other program’s config; of Ollama its address (http://127.0.0.1:11434 if left out)',
    )
    .addOption(new Option('--from <program>', 'take over its config').choices(programs))
    .option('--yes', 'ask nothing: take what is proposed, and write it')
    .option('--dry-run', 'print the config, and write nothing')
    .option('--force', 'in the place of a config that is there, which is kept as FILE.bak')
    .example('inhouse init', 'look around, ask, write')
    .example('inhouse init --from litellm config.yaml --dry-run', 'what would come of a LiteLLM config')
    .example('inhouse init --from ollama --yes', 'all models of the Ollama on this machine')
    .failsWhen('there is a config already, or the other one cannot be read')
    .runs(run)
}

const run = async (context: Context, options: Options, given: string | undefined): Promise<void> => {
  const file = target(context)
  const isThere = existsSync(file)
  if (isThere && options.dryRun !== true && options.force !== true)
    throw new Failure('usage_wrong', {
      message: `There is a config already: ${file}.`,
      help: '`inhouse backends add` adds to it; --force takes its place, --dry-run only shows what would come.',
    })
  if (given !== undefined && options.from === undefined)
    throw new Failure('usage_wrong', {
      message: 'Whose config is that?',
      help: `Say it with --from: ${programs.join(', ')}.`,
    })
  const { tree, notes } =
    options.from === undefined
      ? await found(context, options)
      : await importedFrom(options.from, given, context)
  const text = renderConfig(tree, heading(options.from))
  if (!context.isJson) context.say(notesText(notes, context.paint))
  if (options.dryRun === true) {
    context.result({ file, written: false, config: text, notes }, () => text)
    return
  }
  const before = isThere ? await readFile(file, 'utf8') : ''
  if (!context.isJson) context.say(`${context.paint.bold(file)}\n${diffText(before, text, context.paint)}\n`)
  await mayWrite(context, options, 'Write this?')
  const backup = (await replaceConfig(context, file, text)) ?? null
  context.result(
    { file, written: true, backup, config: text, notes },
    (paint) => `${paint.green('Written')}: ${file}. \`inhouse serve\` starts with it.\n`,
  )
}

/** Where `serve` looks. */
const target = ({ home, configFile }: Context): string =>
  configFile === undefined ? join(home, 'inhouse.yaml') : resolve(configFile)

const heading = (from: Program | undefined): readonly string[] => [
  from === undefined ? 'Written by `inhouse init`.' : `Written by \`inhouse init --from ${from}\`.`,
  '`inhouse config show` shows all settings with their defaults.',
]

const found = async (context: Context, options: Options): Promise<Composed> => {
  const [here, machine] = await Promise.all([foundHere(context), readMachine()])
  const isAsked = options.yes !== true && options.dryRun !== true && process.stdin.isTTY && !context.isJson
  const answers = await answersOf({ found: here, better: betterModel(machine), isAsked })
  return composed(answers)
}

const notesText = (notes: readonly Note[], paint: Paint): string => {
  if (notes.length === 0) return ''
  const rows = table(
    [
      { title: 'LINE', align: 'right', cell: ({ line }) => (line === 0 ? '' : String(line)) },
      { title: '', cell: ({ kind }) => (kind === 'left' ? 'left out' : 'changed') },
      { title: 'WHAT', cell: ({ path }) => path },
      { title: 'WHY', cell: ({ text }) => text },
    ],
    notes,
    paint,
  )
  return `${rows}\n`
}
