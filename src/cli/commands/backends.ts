import { join } from 'node:path'

import { Option } from 'commander'

import type { Loaded } from '../../config/index.ts'
import { Failure } from '../../core/failure.ts'
import { knownKinds } from '../../serve/discover/probe.ts'
import { backendUrl } from '../backends/address.ts'
import { freeName, withFound, withoutBackend } from '../backends/edit.ts'
import { findBackend, findOrTake, type LookOptions } from '../backends/find.ts'
import { listBackends } from '../backends/list.ts'
import { foundText, skippedText } from '../backends/text.ts'
import type { InhouseCommand } from '../command.ts'
import { replaceConfig } from '../config-file.ts'
import type { Context } from '../context.ts'
import { listText, noSuch } from '../names.ts'
import { label, words } from '../parse.ts'
import { diffText, mayWrite } from '../writing.ts'

interface WriteOptions extends LookOptions {
  readonly models?: readonly string[]
  readonly yes?: boolean
}

const kindOption = (): Option =>
  new Option('--kind <kind>', 'what it is, where a proxy in front of it hides that').choices(knownKinds)
const keyEnvOption = (): Option =>
  new Option('--key-env <name>', 'the environment variable that holds the key it wants')

export const backends = (command: InhouseCommand): void => {
  command.description(
    'Shows who runs the models, finds out what stands at an address, and writes it into the config. Nothing runs a model, and no redirect is followed.',
  )
  command
    .command('list')
    .summary('show the backends of the config')
    .description(
      'Shows each backend with its kind, its place, its address and the rows of `models` that lead to it; where a server runs, how they stand there.',
    )
    .example('inhouse backends list', 'all of them')
    .example(
      'inhouse backends list --json | jq -r ".[] | select(.place == \\"cloud\\") | .name"',
      'those of third parties',
    )
    .runs(listBackends)
  command
    .command('probe')
    .summary('find out what stands at an address')
    .description(
      'Says which engine or vendor answers at an address, its version with known holes, whether it wants a key, its models with what it tells of each (context, tools, vision, thoughts, embeddings, quantisation; nothing is guessed from names), and what `add` would write into the config.',
    )
    .argument('<url>', 'its address', backendUrl)
    .addOption(kindOption())
    .option('--key <key>', 'the key it wants; seen by others of this machine, so rather:')
    .addOption(keyEnvOption())
    .example('inhouse backends probe http://gpu1:8000', 'an engine in the house')
    .example('inhouse backends probe https://api.anthropic.com --key-env ANTHROPIC_API_KEY', 'a vendor')
    .failsWhen('nobody answers there, or what answers runs no models')
    .runs(look)
  command
    .command('add')
    .summary('write one into the config')
    .description(
      'Probes an address and writes its rows into the config: shows what changes, asks, checks the new config before it counts, and keeps the old one as FILE.bak. Comments and order stay. A key goes in as ${NAME}, never as itself.',
    )
    .argument('<name>', 'what the backend is to be called', label)
    .argument('<url>', 'its address', backendUrl)
    .addOption(kindOption())
    .addOption(keyEnvOption())
    .option(
      '--models <m1,m2>',
      'its models to serve, also with * (all that an engine lists, or one wildcard for a vendor, if left out)',
      words,
    )
    .option('--yes', 'write without a question')
    .example('inhouse backends add gpu http://gpu1:8000', 'see what changes, and write it')
    .example(
      'inhouse backends add cloud https://api.anthropic.com --key-env ANTHROPIC_API_KEY --models "claude-*" --yes',
      'a vendor, by its models',
    )
    .failsWhen(
      'nobody answers there (with --kind it is written nonetheless), or the config cannot be changed',
    )
    .runs(add)
  command
    .command('remove')
    .summary('take one out of the config')
    .description(
      'Takes a backend out of the config, with the rows of `models` that lead to it and their places in routes; the old config is kept as FILE.bak.',
    )
    .argument('<name>', 'the backend')
    .option('--yes', 'write without a question')
    .example('inhouse backends remove gpu', 'see what changes, and write it')
    .example('inhouse backends remove gpu --yes --json', 'in a script')
    .failsWhen('the config cannot be changed')
    .runs(remove)
  command.groups()
}

const look = async (context: Context, options: LookOptions, url: string): Promise<void> => {
  const loaded = await context.load({ secrets: 'unread' })
  const found = await findBackend(context, loaded.config, url, options)
  const name = freeName(found.kind, loaded.config)
  const { next, rows, skipped } = withFound(loaded, found, { ...options, name })
  context.result({ ...found, rows, skipped }, (paint) => {
    const change = diffText(loaded.text, next, paint)
    const command = `inhouse backends add ${name} ${url}${options.keyEnv === undefined ? '' : ` --key-env ${options.keyEnv}`}`
    return `${foundText(found, paint)}${skippedText(skipped, paint)}\n${paint.dim(`\`${command}\` would write:`)}\n${change}`
  })
}

const fileOf = ({ file, home }: Loaded): string => file ?? join(home, 'inhouse.yaml')

const add = async (context: Context, options: WriteOptions, name: string, url: string): Promise<void> => {
  const loaded = await context.load({ secrets: 'unread' })
  if (Object.hasOwn(loaded.config.backends, name))
    throw new Failure('usage_wrong', {
      message: `There is a backend named ${name} already.`,
      help: loaded.origins.has('backends')
        ? `Take another name, or \`inhouse backends remove ${name}\` first.`
        : 'It is built in: take another name.',
    })
  const found = await findOrTake(context, loaded.config, url, options)
  const { next, rows, skipped } = withFound(loaded, found, { ...options, name })
  const { paint } = context
  if (!context.isJson) context.say(`${foundText(found, paint)}${skippedText(skipped, paint)}\n`)
  const backup = await change(context, loaded, next, options, `Write ${name} into the config?`)
  const file = fileOf(loaded)
  context.result({ file, backup: backup ?? null, ...rows, skipped }, () => `${name} stands in ${file}.\n`)
  if (context.isJson) return
  const key = typeof rows.backends[name]?.['apiKey'] === 'string' ? rows.backends[name]['apiKey'] : ''
  const variable = /^\$\{(\w+)\}$/.exec(key)?.[1]
  if (variable !== undefined && process.env[variable] === undefined)
    context.say(context.paint.yellow(`Set ${variable} where \`inhouse serve\` is started.\n`))
  if (Object.keys(rows.models).length === 0)
    context.say(context.paint.yellow('None of its models is served yet: name them with --models.\n'))
}

const remove = async (context: Context, options: WriteOptions, name: string): Promise<void> => {
  const loaded = await context.load({ secrets: 'unread' })
  const known = loaded.origins.has('backends') ? Object.keys(loaded.config.backends) : []
  if (!known.includes(name))
    throw new Failure('usage_wrong', {
      message: noSuch('backend', name, known),
      help: known.length === 0 ? 'The config file names none.' : `There are ${listText(known)}.`,
    })
  const { next, gone } = withoutBackend(loaded, name)
  const backup = await change(context, loaded, next, options, `Take ${name} out of the config?`)
  const file = fileOf(loaded)
  context.result({ file, backup: backup ?? null, models: gone }, () =>
    gone.length === 0
      ? `${name} is out of ${file}.\n`
      : `${name} is out of ${file}, and with it ${listText(gone)}.\n`,
  )
}

/** Shows, asks, checks, writes. Answers the backup. */
const change = async (
  context: Context,
  loaded: Loaded,
  next: string,
  options: WriteOptions,
  question: string,
): Promise<string | undefined> => {
  const file = fileOf(loaded)
  if (!context.isJson)
    context.say(`${context.paint.bold(file)}\n${diffText(loaded.text, next, context.paint)}\n`)
  await mayWrite(context, options, question)
  return replaceConfig(context, file, next)
}
