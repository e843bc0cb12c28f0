import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { answers, readKey, urlOf } from './client.ts'

const recordIn = (home: string): string => join(home, 'serving.json')

/** What a server that runs in a home leaves there for the other commands. */
interface Serving {
  readonly pid: number
  /** Where it is reached from this machine, without `/v1`. */
  readonly url: string
}

/** Tells the other commands of this home where its server is; returns how to take that back. */
export const recordServer = async (home: string, url: string): Promise<() => Promise<void>> => {
  const file = recordIn(home)
  const draft = `${file}.${process.pid}`
  const serving: Serving = { pid: process.pid, url }
  try {
    await writeFile(draft, JSON.stringify(serving), { mode: 0o600 })
    await rename(draft, file)
  } catch {
    // A full disk keeps nobody from serving; the others then look at the config's address alone.
    await rm(draft, { force: true })
  }
  return async () => {
    // A server that was started later has put its own there.
    if ((await recorded(home))?.pid === process.pid) await rm(file, { force: true })
  }
}

/**
 * The url of the server that runs: the one that the home records, else the config's. Undefined when none answers that
 * knows the key which the commands send; with `anyKey` one that need not know it.
 */
export const liveServer = async (
  home: string,
  listen: string,
  { anyKey = false } = {},
): Promise<string | undefined> => {
  const key = anyKey ? undefined : await readKey(home)
  const record = await recorded(home)
  // A server that was killed leaves its record behind, and its port to whoever takes it.
  const urls = record !== undefined && isAlive(record.pid) ? [record.url, urlOf(listen)] : [urlOf(listen)]
  for (const url of urls) if (await answers({ url, key })) return url
  return undefined
}

/** Whether this process is there, and of the same user. */
const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

const recorded = async (home: string): Promise<Serving | undefined> => {
  try {
    const read = JSON.parse(await readFile(recordIn(home), 'utf8')) as Partial<Serving> | null
    const { pid, url } = read ?? {}
    return typeof pid === 'number' && typeof url === 'string' ? { pid, url } : undefined
  } catch {
    return undefined
  }
}
