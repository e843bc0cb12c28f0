import { stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

import { storePath } from '../../app/setup.ts'
import { Failure } from '../../core/failure.ts'
import { restoreStore } from '../../store/restore.ts'
import type { InhouseCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { makeHome, withStore } from '../home-store.ts'
import { bytesText, durationText, table } from '../print.ts'

export const store = (command: InhouseCommand): void => {
  command.description('Keeps the store safe: one file in the home with keys, open calls and the ledger.')
  command
    .command('backup')
    .summary('copy the store while it is in use')
    .description(
      'Writes a consistent copy of the store, also while a server runs. The file appears whole or not at all; it holds hashes of keys, never keys or prompts.',
    )
    .argument('<file>', 'where to; must not exist yet')
    .example('inhouse store backup /backup/inhouse-$(date +%F).db', 'every night')
    .example('inhouse store backup --home /srv/inhouse before-update.db', 'of another home')
    .failsWhen('the store cannot be read or the file cannot be written')
    .runs(backup)
  command
    .command('restore')
    .summary('put a backup in the place of the store')
    .description(
      'Checks a backup whole, then puts it in the place of the store in one step and brings it forward. Stop the server first: a store in use is left as it is.',
    )
    .argument('<file>', 'the backup')
    .example('inhouse store restore /backup/inhouse-2026-11-20.db', 'yesterday’s')
    .example('inhouse store restore old.db --home /tmp/look', 'into an empty home, to look at it')
    .failsWhen('the backup is damaged, or a server has the store open')
    .runs(restore)
  command
    .command('migrate')
    .summary('bring the store forward')
    .description(
      'Brings the tables to the form that this version knows, and shows their versions. Every command does so by itself; this one does nothing else.',
    )
    .example('inhouse store migrate', 'after an update, before the server starts')
    .example('inhouse store migrate --json', 'the versions, for a program')
    .failsWhen('the store is of a newer version, or cannot be written')
    .runs(migrate)
  command.groups()
}

const backup = async ({ home, result }: Context, _: object, file: string): Promise<void> => {
  const began = performance.now()
  const to = resolve(file)
  const folder = dirname(to)
  if ((await kindOf(to)) !== 'nothing')
    throw wrong(`${to} is there already.`, 'Take another name: a backup overwrites nothing.')
  if ((await kindOf(folder)) !== 'folder')
    throw wrong(`There is no folder ${folder}.`, 'Make it first, or name another.')
  await withStore(home, (opened) =>
    opened.backup(to).catch((thrown: unknown) => {
      throw ofBackup(thrown, `Check that ${folder} can be written and has room.`)
    }),
  )
  const bytes = Bun.file(to).size
  const took = durationText(performance.now() - began)
  result({ file: to, bytes }, () => `Wrote ${to} (${bytesText(bytes)}) in ${took}.\n`)
}

const restore = async ({ home, result }: Context, _: object, file: string): Promise<void> => {
  const from = resolve(file)
  const path = storePath(home)
  if ((await kindOf(from)) !== 'file')
    throw wrong(`There is no file ${from}.`, 'Name a file that `inhouse store backup` wrote.')
  await makeHome(home)
  await restoreStore(from, path).catch((thrown: unknown) => {
    throw ofBackup(thrown, 'The store is as it was; take another backup.')
  })
  const parts = await withStore(home, versions)
  result({ store: path, parts }, () => `${path} is now what ${from} was.\n`)
}

const kindOf = (path: string): Promise<'file' | 'folder' | 'nothing'> =>
  stat(path).then(
    (entry) => (entry.isDirectory() ? 'folder' : 'file'),
    () => 'nothing',
  )

const wrong = (message: string, help: string): Failure => new Failure('usage_wrong', { message, help })

/** What is said of the store is here true of the backup, and is helped otherwise. */
const ofBackup = (thrown: unknown, help: string): unknown =>
  thrown instanceof Failure && thrown.code !== 'store_busy'
    ? new Failure(thrown.code, { message: thrown.message, help }, { cause: thrown })
    : thrown

const migrate = async ({ home, result }: Context): Promise<void> => {
  const parts = await withStore(home, versions)
  result({ store: storePath(home), parts }, (paint) =>
    table(
      [
        { title: 'PART', cell: ({ name }) => name },
        { title: 'VERSION', align: 'right', cell: ({ version }) => String(version) },
      ],
      parts,
      paint,
    ),
  )
}

interface PartVersion {
  readonly name: string
  readonly version: number
}

const versions: Parameters<typeof withStore<readonly PartVersion[]>>[1] = (opened) =>
  opened.all<PartVersion>('SELECT name, version FROM store_part ORDER BY name')
