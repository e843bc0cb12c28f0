import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

import { readRecords } from './record.ts'

const abandonedMs = 7 * 24 * 60 * 60 * 1000

/**
 * Deletes the blobs that no record names, and what pulls left that nobody took up for a week. `folder` is the
 * models' folder; its lock is held.
 */
export const sweep = async (folder: string, now: number): Promise<void> => {
  const records = await readRecords(join(folder, 'refs'))
  // A record that this version cannot read may name any of them.
  if (!records.every((record) => record !== 'unreadable')) return
  const used = new Set(records.flatMap(({ files }) => files.map(({ sha256 }) => `sha256-${sha256}`)))
  for (const name of await namesIn(join(folder, 'blobs'))) {
    if (!used.has(name)) await rm(join(folder, 'blobs', name), { force: true })
  }
  for (const name of await namesIn(join(folder, 'pulls'))) {
    const pull = join(folder, 'pulls', name)
    if ((await lastChange(pull)) < now - abandonedMs) await rm(pull, { recursive: true, force: true })
  }
}

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => [])

const lastChange = async (folder: string): Promise<number> => {
  const paths = ['.', ...(await namesIn(folder))].map((name) => join(folder, name))
  const times = paths.map((path) =>
    stat(path).then(
      ({ mtimeMs }) => mtimeMs,
      () => 0,
    ),
  )
  return Math.max(...(await Promise.all(times)))
}
