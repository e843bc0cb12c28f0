import { existsSync } from 'node:fs'
import { stringify } from 'yaml'

import { engineMistakes } from '../../app/engine-mistakes.ts'
import { keyRemarks } from '../../app/key-remarks.ts'
import { storePath } from '../../app/setup.ts'
import {
  ConfigInvalid,
  configJsonSchema,
  explainConfig,
  placed,
  problemText,
  showConfig,
  type Loaded,
  type Problem,
} from '../../config/index.ts'
import type { InhouseCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { withKeys, withStore } from '../home-store.ts'
import { table } from '../print.ts'

export const config = (command: InhouseCommand): void => {
  command.description(
    'Checks and shows the configuration: one YAML file, then environment, then flags; the later wins.',
  )
  command
    .command('check')
    .summary('find mistakes')
    .description(
      'Reads the config as `serve` would and shows every mistake with its line, what is allowed there, and what was perhaps meant. What is taken but hardly meant (a limit for a model that is not there, an unknown INHOUSE_ variable) is told beside it, in --json under `warnings`.',
    )
    .example('inhouse config check', 'the config that would be used')
    .example('inhouse config check --config next.yaml --json', 'a new one, before it is put in force')
    .runs(check)
  command
    .command('show')
    .summary('show what is in force')
    .description(
      'Shows the whole config with all defaults filled in. Secrets are shown as they are written in the file (${NAME}), never their values.',
    )
    .option('--origins', 'where each value came from: the file and line, the environment, a default')
    .example('inhouse config show', 'as YAML, good as a start for a file of your own')
    .example('inhouse config show --origins', 'why a value is what it is')
    .runs(show)
  command
    .command('schema')
    .summary('print the JSON Schema of the file')
    .description(
      'Prints the JSON Schema of the config file, for editors that complete and check YAML by one.',
    )
    .example(
      'inhouse config schema > inhouse.schema.json',
      'then `# yaml-language-server: $schema=inhouse.schema.json` as the first line',
    )
    .example('inhouse config schema | jq ".properties | keys"', 'the sections there are')
    .runs(schema)
  command.groups()
}

const check = async (context: Context): Promise<void> => {
  const loaded = await context.load({ here: true })
  const { file, home, config: settings } = loaded
  const mistakes = await engineMistakes(settings, home, process.env)
  if (mistakes.length > 0) throw new ConfigInvalid(mistakes.map((finding) => placed(finding, loaded)))
  const models = Object.keys(settings.models)
  const warnings = [...loaded.remarks, ...(await remarksOnKeys(loaded))]
  context.result({ valid: true, file: file ?? null, models, warnings }, (paint) => {
    const verdict =
      file === undefined
        ? 'There is no config file; the built-in model is served.'
        : `${file} is right. Models: ${models.join(', ') || 'none'}.`
    return [verdict, ...warnings.map((warning) => paint.yellow(problemText(warning)))].join('\n') + '\n'
  })
}

/** Which keys there are only the store knows, and only where there is one. */
const remarksOnKeys = async (loaded: Loaded): Promise<readonly Problem[]> => {
  if (!existsSync(storePath(loaded.home))) return []
  const known = await withStore(loaded.home, (store) => withKeys(store, (keys) => keys.list()))
  return keyRemarks(loaded.config, known).map((finding) => placed(finding, loaded))
}

const show = async (context: Context, { origins = false }: { readonly origins?: boolean }): Promise<void> => {
  const loaded = await context.load({ here: true })
  if (!origins) {
    context.result(showConfig(loaded), () => stringify(showConfig(loaded)))
    return
  }
  const rows = explainConfig(loaded)
  context.result(rows, (paint) =>
    table(
      [
        { title: 'VALUE', cell: ({ path, value }) => `${path}: ${JSON.stringify(value)}` },
        { title: 'FROM', cell: ({ from }) => from },
      ],
      rows,
      paint,
    ),
  )
}

const schema = async (context: Context): Promise<void> => {
  const document = configJsonSchema()
  context.result(document, () => `${JSON.stringify(document, undefined, 2)}\n`)
}
