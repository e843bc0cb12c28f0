import type { KeyStore } from '../../protect/guard/key-store.ts'
import type { Key } from '../../protect/guard/key-table.ts'
import type { InhouseCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { clock, withKeys, withStore } from '../home-store.ts'
import { span, wholeNumber, words } from '../parse.ts'
import { countText, momentText, table, type Column, type Paint } from '../print.ts'

interface CreateOptions {
  readonly name: string
  readonly team?: string
  readonly tags?: readonly string[]
  readonly models?: readonly string[]
  readonly places?: readonly string[]
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
      'Makes a key and prints it once: only its hash is kept. It works at once, also on a running server.',
    )
    .requiredOption('--name <name>', 'what the key is called; free among the keys in force')
    .option('--team <team>', 'whose usage and limits it counts towards')
    .option('--tags <a,b>', 'words that its requests carry in the ledger', words)
    .option(
      '--models <m1,m2*>',
      'models that it may ask for; * stands for any characters (all if left out)',
      words,
    )
    .option('--places <local>', 'places that may answer it (all if left out)', words)
    .option('--expires <time>', 'how long it is valid: 12h, 30d, 1y (for ever if left out)', span)
    .option('--rpm <n>', 'requests per minute, in place of the general limit', wholeNumber)
    .option('--tpm <n>', 'tokens per minute, in place of the general limit', wholeNumber)
    .option('--concurrency <n>', 'calls at once, in place of the general limit', wholeNumber)
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
      'Shows all keys with what they may do: not the keys themselves, which nobody knows any more.',
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
  const { name, team, tags, models, places, expires, rpm, tpm, concurrency } = options
  const { key, secret } = await inHome(context, (known) =>
    known.create({
      name,
      team,
      models,
      places,
      ...(tags !== undefined && { tags }),
      ...(expires !== undefined && { expiresAt: clock.now() + expires }),
      limits: {
        ...(rpm !== undefined && { requestsPerMinute: rpm }),
        ...(tpm !== undefined && { tokensPerMinute: tpm }),
        ...(concurrency !== undefined && { concurrency }),
      },
    }),
  )
  context.result({ id: key.id, key: secret }, () => `${secret}\n`)
  if (!context.isJson)
    context.say(
      `${context.paint.dim(`${key.id}, ${key.name}. The key is shown only this once; keep it now.`)}\n`,
    )
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
  const key = await inHome(context, (store) => store.revoke(idOrName))
  context.result(
    { id: key.id, name: key.name, revokedAt: key.revokedAt },
    () => `Revoked ${key.name} (${key.id}).\n`,
  )
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
