import { asFailure, Failure } from '../../core/failure.ts'
import { builtInPlaces } from '../../core/place.ts'
import type { KeyStore } from '../../protect/guard/key-store.ts'
import type { Key } from '../../protect/guard/key-table.ts'
import type { InhouseCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { clock, withKeys, withMadeStore, withStore } from '../home-store.ts'
import { noSuch, strangers } from '../names.ts'
import { bound, keyName, label, span, words } from '../parse.ts'
import { countText, momentText, table, type Column, type Paint } from '../print.ts'

interface CreateOptions {
  readonly name: string
  readonly team?: string
  readonly tags?: readonly string[]
  readonly models?: readonly string[]
  readonly places?: readonly string[]
  readonly admin?: boolean
  readonly expires?: number
  readonly rpm?: number
  readonly tpm?: number
  readonly concurrency?: number
}

export const keys = (command: InhouseCommand): void => {
  command.description(
    'Makes, lists and revokes the keys that clients send. A running server follows within a second.',
  )
  command
    .command('create')
    .summary('make a key')
    .description(
      'Makes a key and prints it once: only its hash is kept. It works at once, also on a running server. Models and places that the config does not have (yet) are taken with a warning, in --json under `warnings`: until the config has them the key opens nothing there.',
    )
    .requiredOption(
      '--name <name>',
      'what the key is called, in a word of letters, digits and . _ @ : -; free among the keys in force',
      keyName,
    )
    .option('--team <team>', 'whose usage and limits it counts towards', label)
    .option('--tags <a,b>', 'words that its requests carry in the ledger', words)
    .option(
      '--models <m1,m2*>',
      'models that it may ask for; * stands for any characters (all if left out)',
      words,
    )
    .option('--places <local>', 'places that may answer it (all if left out)', words)
    .option('--admin', 'it may bring models to this machine and take them away, as Ollama’s pull and delete')
    .option('--expires <time>', 'how long it is valid: 12h, 30d, 1y (for ever if left out)', span)
    .option('--rpm <n>', 'requests per minute, in place of the general limit; 0: none', bound)
    .option('--tpm <n>', 'tokens per minute, in place of the general limit; 0: none', bound)
    .option('--concurrency <n>', 'calls at once, in place of the general limit; 0: none', bound)
    .example('inhouse keys create --name alice', 'a key that may do everything')
    .example(
      'inhouse keys create --name nightly --team research --models "small,qwen*" --places local --expires 30d --rpm 60',
      'a key for a job: two families of models, nothing outside the house, for a month',
    )
    .example('inhouse keys create --name ci --json | jq -r .key', 'in a script')
    .failsWhen('the store cannot be written')
    .runs(create)
  command
    .command('list')
    .summary('show the keys')
    .description(
      'Shows all keys with what they may do: not the keys themselves, which nobody knows any more. USED (in --json `lastUsedAt`) is exact to ten minutes: it is written down that seldom.',
    )
    .option('--all', 'revoked and expired ones too')
    .example('inhouse keys list', 'the keys in force')
    .example('inhouse keys list --all --json', 'all there ever were, for a program')
    .failsWhen('the store cannot be read')
    .runs(list)
  command
    .command('revoke')
    .summary('take a key out of force')
    .description(
      'Revokes a key, for good. Every running server refuses it within a second; calls under way end normally.',
    )
    .argument('<id|name>', 'the key’s id or name')
    .example('inhouse keys revoke alice', 'by its name')
    .example('inhouse keys revoke key_3kTq0y8ZcF1mWn5B', 'by its id')
    .failsWhen('the store cannot be written')
    .runs(revoke)
  command.groups()
}

const inHome = <T>({ home }: Context, work: (keys: KeyStore) => T | Promise<T>): Promise<T> =>
  withStore(home, (store) => withKeys(store, work))

const create = async (context: Context, options: CreateOptions): Promise<void> => {
  const { name, team, tags, models, places, admin, expires, rpm, tpm, concurrency } = options
  const warnings = await warningsOf(context, options)
  const made = async (known: KeyStore) => {
    mustBeFree(name, known.list())
    return known.create({
      name,
      team,
      models,
      places,
      ...(tags !== undefined && { tags }),
      ...(admin !== undefined && { admin }),
      ...(expires !== undefined && { expiresAt: clock.now() + expires }),
      limits: {
        ...(rpm !== undefined && { requestsPerMinute: rpm }),
        ...(tpm !== undefined && { tokensPerMinute: tpm }),
        ...(concurrency !== undefined && { concurrency }),
      },
    })
  }
  const { key, secret } = await withMadeStore(context.home, (store) => withKeys(store, made))
  context.result({ id: key.id, key: secret, ...(warnings.length > 0 && { warnings }) }, () => `${secret}\n`)
  if (context.isJson) return
  const { dim, yellow } = context.paint
  context.say(`${dim(`${key.id}, ${key.name}. The key is shown only this once; keep it now.`)}\n`)
  context.say(warnings.map((text) => `${yellow(text)}\n`).join(''))
}

const mustBeFree = (name: string, known: readonly Key[]): void => {
  const other = known.find((key) => key.revokedAt === undefined && (key.name === name || key.id === name))
  if (other === undefined) return
  const expired = stateOf(other) === 'expired' ? ', and has expired' : ''
  throw new Failure('usage_wrong', {
    message: `${other.id} is already called ${name}${expired}.`,
    help: `Take another name, or \`inhouse keys revoke ${name}\` first.`,
  })
}

/** What of a key's models and places the config does not have: a mistake, or not there yet. */
const warningsOf = async (context: Context, { models, places }: CreateOptions): Promise<string[]> => {
  if (models === undefined && places === undefined) return []
  try {
    const { config } = await context.load({ secrets: 'unread' })
    return [
      ...strangers('model', models ?? [], Object.keys(config.models)),
      ...strangers('place', places ?? [], [...Object.keys(builtInPlaces), ...Object.keys(config.places)]),
    ]
  } catch (thrown) {
    return [`Models and places were not looked at: ${asFailure(thrown).message.trimEnd()}`]
  }
}

const list = async (context: Context, { all = false }: { readonly all?: boolean }): Promise<void> => {
  const known = await inHome(context, (store) => store.list())
  const shown = known.filter((key) => all || stateOf(key) === 'in force')
  context.result(
    shown.map((key) => ({ ...key, state: stateOf(key) })),
    (paint) => listing(shown, paint),
  )
  if (!context.isJson && shown.length === 0)
    context.say('No keys. `inhouse keys create --name N` makes one.\n')
}

const revoke = async (context: Context, _: object, idOrName: string): Promise<void> => {
  const key = await inHome(context, (store) => {
    mustBeInForce(idOrName, store.list())
    return store.revoke(idOrName)
  })
  context.result(
    { id: key.id, name: key.name, revokedAt: key.revokedAt },
    () => `Revoked ${key.name} (${key.id}).\n`,
  )
}

const mustBeInForce = (idOrName: string, known: readonly Key[]): void => {
  const meant = known.filter(({ id, name }) => id === idOrName || name === idOrName)
  if (meant.some(({ revokedAt }) => revokedAt === undefined)) return
  const { revokedAt } = meant.at(-1) ?? {}
  const names = known.filter((key) => key.revokedAt === undefined).map(({ name }) => name)
  throw new Failure('usage_wrong', {
    message:
      revokedAt === undefined
        ? noSuch('key', idOrName, names)
        : `${idOrName} was revoked already, on ${momentText(revokedAt)}.`,
    help:
      revokedAt === undefined
        ? '`inhouse keys list` shows the keys in force.'
        : 'There is nothing to do: no server takes it any more.',
  })
}

const stateOf = (key: Key): 'in force' | 'revoked' | 'expired' => {
  if (key.revokedAt !== undefined) return 'revoked'
  return key.expiresAt !== undefined && key.expiresAt <= clock.now() ? 'expired' : 'in force'
}

const listing = (shown: readonly Key[], paint: Paint): string =>
  shown.length === 0 ? '' : table(columns, shown, paint)

const columns: readonly Column<Key>[] = [
  { title: 'NAME', cell: (key) => key.name },
  { title: 'ID', cell: (key) => key.id },
  { title: 'TEAM', cell: (key) => key.team ?? '' },
  { title: 'TAGS', cell: (key) => key.tags.join(',') },
  { title: 'MODELS', cell: (key) => key.models?.join(',') ?? 'all' },
  { title: 'PLACES', cell: (key) => key.places?.join(',') ?? 'all' },
  { title: 'ADMIN', cell: (key) => (key.admin ? 'yes' : '') },
  { title: 'LIMITS', cell: (key) => limitsText(key) },
  { title: 'MADE', cell: (key) => momentText(key.createdAt) },
  { title: 'USED', cell: (key) => (key.lastUsedAt === undefined ? 'never' : momentText(key.lastUsedAt)) },
  { title: 'UNTIL', cell: (key) => (key.expiresAt === undefined ? '' : momentText(key.expiresAt)) },
  { title: 'STATE', cell: (key) => stateOf(key).replace('in force', '') },
]

const limitsText = ({ limits }: Key): string =>
  [
    limits.requestsPerMinute === undefined ? [] : `${countText(limits.requestsPerMinute)} rpm`,
    limits.tokensPerMinute === undefined ? [] : `${countText(limits.tokensPerMinute)} tpm`,
    limits.concurrency === undefined ? [] : `${countText(limits.concurrency)} at once`,
  ]
    .flat()
    .join(', ')
