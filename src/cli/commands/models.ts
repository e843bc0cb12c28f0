import type { Loaded, Settings } from '../../config/index.ts'
import { asFailure, Failure } from '../../core/failure.ts'
import type { Model } from '../../models/model.ts'
import { modelSources } from '../../models/sources/index.ts'
import { openModels } from '../../models/store.ts'
import type { InhouseCommand } from '../command.ts'
import { configLines, ownBackend, writtenOf } from '../config-lines.ts'
import type { Context } from '../context.ts'
import { noSuch } from '../names.ts'
import { bytesText, countText, facts, table, type Column } from '../print.ts'
import { withBars } from '../progress.ts'

const examples = modelSources.map(({ example }) => example).join(', ')

export const models = (command: InhouseCommand): void => {
  command.description(
    'Lists, brings and removes the models that run on this machine. They stand in the home, by their content.',
  )
  command
    .command('list')
    .summary('show the models')
    .description(
      'Shows the models of the config and those in the home: size, quantisation, context, digest, source and state.',
    )
    .example('inhouse models list', 'everything there is')
    .example('inhouse models list --json | jq ".[].digest"', 'the digests, for a record of what runs')
    .runs(list)
  command
    .command('pull')
    .summary('bring a model')
    .description(
      'Brings a model and verifies it; a pull that was cut short is taken up where it was. Only GGUF and safetensors are taken: other formats can carry code.',
    )
    .argument('<source>', `${examples}; or the name of a model of the config`)
    .example(
      'inhouse models pull hf:Qwen/Qwen3-8B-GGUF:Q4_K_M',
      'from the hub, by repository and quantisation',
    )
    .example('inhouse models pull file:/media/usb/model.gguf', 'in a closed network')
    .example('inhouse models pull small', 'what the config says of `small`')
    .failsWhen('it could not be brought or is not what it should be; nothing unverified stays')
    .runs(pull)
  command
    .command('remove')
    .summary('take a model away')
    .description(
      'Takes a model out of the home, with every file that no other one needs. Files that stood elsewhere stay.',
    )
    .argument('<source>', 'its source as `models list` shows it, or the name of a model of the config')
    .example('inhouse models remove hf:Qwen/Qwen3-8B-GGUF:Q4_K_M', 'free its space')
    .example('inhouse models remove small', 'by its name in the config')
    .failsWhen('its files cannot be deleted')
    .runs(remove)
  command.groups()
}

interface Listed {
  /** Rows of the config. */
  readonly names: readonly string[]
  readonly source: string
  readonly state: Model['state'] | 'not here yet' | 'elsewhere'
  readonly bytes: number | null
  readonly parameters: number | null
  readonly quantisation: string | null
  readonly contextLength: number | null
  readonly digest: string | null
  readonly trust: Model['trust'] | null
}

const list = async (context: Context): Promise<void> => {
  const { config } = await context.load({ secrets: 'unread' })
  const stored = await openModels({ home: context.home, env: process.env }).list()
  const rows = listing(config, stored)
  context.result(rows, (paint) => (rows.length === 0 ? 'No models.\n' : table(columns, rows, paint)))
}

/** First what the config names, in its order; then what else is in the home. Pure. */
export const listing = (config: Pick<Settings, 'models'>, stored: readonly Model[]): Listed[] => {
  const bySource = Map.groupBy(
    Object.entries(config.models).filter(([, row]) => row.route === undefined),
    ([name, row]) => row.source ?? `${row.backend}: ${row.model ?? name}`,
  )
  const named = [...bySource].map(([source, rows]) => {
    const isLocal = rows.some(([, row]) => row.source !== undefined)
    const model = stored.find((known) => known.source === source)
    return listed(
      source,
      rows.map(([name]) => name),
      model,
      isLocal ? 'not here yet' : 'elsewhere',
    )
  })
  const others = stored.filter(({ source }) => !bySource.has(source))
  return [...named, ...others.map((model) => listed(model.source, [], model, 'not here yet'))]
}

const listed = (
  source: string,
  names: readonly string[],
  model: Model | undefined,
  otherwise: Listed['state'],
): Listed => ({
  names,
  source,
  state: model?.state ?? otherwise,
  bytes: model?.bytes ?? null,
  parameters: model?.facts.parameters ?? null,
  quantisation: model?.facts.quantisation ?? null,
  contextLength: model?.facts.contextLength ?? null,
  digest: model?.digest ?? null,
  trust: model?.trust ?? null,
})

const columns: readonly Column<Listed>[] = [
  { title: 'NAME', cell: ({ names }) => names.join(', ') },
  { title: 'STATE', cell: ({ state }) => state },
  { title: 'SIZE', align: 'right', cell: ({ bytes }) => (bytes === null ? '' : bytesText(bytes)) },
  {
    title: 'WEIGHTS',
    align: 'right',
    cell: ({ parameters }) => (parameters === null ? '' : weightsText(parameters)),
  },
  { title: 'QUANT', cell: ({ quantisation }) => quantisation ?? '' },
  {
    title: 'CONTEXT',
    align: 'right',
    cell: ({ contextLength }) => (contextLength === null ? '' : countText(contextLength)),
  },
  { title: 'SHA256', cell: ({ digest }) => digest?.slice(0, 12) ?? '' },
  { title: 'SOURCE', cell: ({ source }) => source },
]

/** `135 M`, `8.2 B`: as people speak of models. */
const weightsText = (parameters: number): string =>
  parameters >= 1e9 ? `${(parameters / 1e9).toFixed(1)} B` : `${Math.round(parameters / 1e6)} M`

/** A name of the config stands for its source; `known` are sources that may be meant. */
const sourceOf = (
  { models: rows }: Pick<Settings, 'models'>,
  word: string,
  known: readonly string[] = [],
): string => {
  const row = Object.hasOwn(rows, word) ? rows[word] : undefined
  if (row?.source !== undefined) return row.source
  if (row === undefined && word.includes(':')) return word
  const message =
    row === undefined
      ? noSuch('model', word, [...Object.keys(rows), ...known])
      : `${word} runs elsewhere; there is nothing of it here.`
  const help = '`inhouse models list` shows the names; a source looks like hf:owner/repo:Q4_K_M.'
  throw new Failure('usage_wrong', { message, help })
}

const pull = async (context: Context, _: object, word: string): Promise<void> => {
  const loaded = await context.load({ secrets: 'unread' })
  const { config } = loaded
  const source = sourceOf(config, word)
  if (config.offline && !source.startsWith('file:'))
    throw new Failure('network_unreachable', {
      message: 'inhouse is set to `offline: true`, so nothing is downloaded.',
      help: 'Bring it on a file with `inhouse models pull file:PATH`, or unset `offline` in the config or INHOUSE_OFFLINE.',
    })
  const home = openModels({ home: context.home, env: process.env })
  const model = await withBars(context.bars(), (onProgress) => home.pull(source, { onProgress })).catch(
    (thrown: unknown) => {
      throw isMistyped(source, thrown) ? new Failure('usage_wrong', asFailure(thrown).facts) : thrown
    },
  )
  const { facts: known, files, ...rest } = model
  context.result({ ...rest, ...known, files }, (paint) =>
    facts(
      [
        ['source', model.source],
        [
          'model',
          [known.name ?? known.architecture, weightsText(known.parameters), known.quantisation].join(', '),
        ],
        ['size', bytesText(model.bytes)],
        [
          'context',
          known.contextLength === undefined ? undefined : `${countText(known.contextLength)} tokens`,
        ],
        ['sha256', `${model.digest} (${model.trust})`],
      ],
      paint,
    ),
  )
  const isNamed = Object.values(config.models).some((row) => row.source === model.source)
  if (!context.isJson && !isNamed)
    context.say(`\nTo serve it, add to the config:\n\n${modelLines(loaded, model.source)}\n`)
}

/** A path that leads nowhere is the caller's mistake; what another machine does not have may come to be there. */
const isMistyped = (source: string, thrown: unknown): boolean =>
  source.startsWith('file:') && asFailure(thrown).code === 'source_missing'

/** The lines of the config that serve a source. */
const modelLines = (loaded: Loaded, source: string): string => {
  const { name, rows } = ownBackend(loaded.config)
  const row = `better: { backend: ${name}, source: ${JSON.stringify(source)} }`
  return `${configLines(writtenOf(loaded), { backends: rows, models: [row] }).join('\n')}\n`
}

const remove = async (context: Context, _: object, word: string): Promise<void> => {
  const { config } = await context.load({ secrets: 'unread' })
  const home = openModels({ home: context.home, env: process.env })
  const here = await home.list()
  const sources = here.map(({ source }) => source)
  const source = sourceOf(config, word, sources)
  await home.remove(source).catch((thrown: unknown) => {
    throw asFailure(thrown).code === 'model_missing' ? notHere(source, sources) : thrown
  })
  const before = here.find((model) => model.source === source)
  context.result({ removed: source, bytes: before?.bytes ?? null }, () => `Removed ${source}.\n`)
  const using = Object.entries(config.models).filter(([, row]) => row.source === source)
  if (using.length > 0)
    context.say(
      `The config still names it (${using.map(([name]) => name).join(', ')}): the next start brings it again.\n`,
    )
}

const notHere = (source: string, sources: readonly string[]): Failure =>
  new Failure('usage_wrong', {
    message: noSuch('model', source, sources),
    help: '`inhouse models list` shows what is here.',
  })
