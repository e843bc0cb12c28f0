import type { Stats } from 'node:fs'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import { storePath } from '../../app/setup.ts'
import { Failure } from '../../core/failure.ts'
import { unusable } from '../path-failure.ts'
import { failed, ok, warn, type Check } from './check.ts'

/** Whether the home can be written, or made: tried with a file that is taken away again; and whose it is. */
export const checkHome = async (home: string): Promise<Check> => {
  const { folder, entry } = await nearest(home)
  if (!entry.isDirectory())
    return failed('home', new Failure('path_unusable', `${folder} is a file, not a folder.`))
  const refusal = await tryOut(folder)
  if (refusal !== undefined) return failed('home', refusal)
  if (folder !== home) return ok('home', `${home} is not there yet; the first start makes it`)
  return (await checkOwner(home)) ?? ok('home', `${home} can be written`)
}

/** The folder, or the first one above it that is there. */
const nearest = async (folder: string): Promise<{ readonly folder: string; readonly entry: Stats }> => {
  const entry = await stat(folder).catch((thrown: unknown) => {
    if (dirname(folder) === folder) throw thrown
  })
  return entry === undefined ? nearest(dirname(folder)) : { folder, entry }
}

/** Rights can be read, but not whether they help: a full disk and a read-only one show only when written to. */
const tryOut = async (folder: string): Promise<Failure | undefined> => {
  let own: string | undefined
  try {
    own = await mkdtemp(join(folder, '.inhouse-doctor-'))
    await writeFile(join(own, 'file'), Buffer.alloc(65_536), { flush: true })
    return undefined
  } catch (thrown) {
    return unusable(folder, thrown)
  } finally {
    if (own !== undefined) await rm(own, { recursive: true, force: true })
  }
}

/** What somebody else owns, and what is written there now they cannot read. */
const checkOwner = async (home: string): Promise<Check | undefined> => {
  const user = process.getuid?.()
  const store = storePath(home)
  const paths = [home, store, `${store}-wal`, `${store}-shm`, join(home, 'key')]
  const owners = await Promise.all(
    paths.map(async (path) => ({ path, owner: (await stat(path).catch(() => undefined))?.uid })),
  )
  const foreign = owners.filter(({ owner }) => owner !== undefined && user !== undefined && owner !== user)
  const [first] = foreign
  if (first === undefined) return undefined
  return warn(
    'home',
    `${foreign.map(({ path }) => path).join(', ')} belongs to user ${first.owner}, not to this one (${user}).`,
    `Run inhouse as that user, or hand everything over: \`chown -R ${user} ${home}\`.`,
  )
}
