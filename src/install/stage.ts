import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import { diskFailure, syncFolder } from './disk.ts'
import { withLock } from './lock.ts'
import type { Watch } from './progress.ts'

const slug = (name: string): string => name.replaceAll(/[^\w.=-]+/g, '-')

/**
 * The folder `home/name`, made by `make` in a temporary folder of the same disk and renamed when it is whole. What is
 * already there is returned as it is. One process makes it, others wait and find it; what a killed run left is swept.
 */
export const stage = async (
  home: string,
  name: string,
  make: (folder: string) => Promise<void>,
  watch: Watch = {},
): Promise<string> => {
  const target = join(home, name)
  if (await exists(target)) return target
  await mkdir(home, { recursive: true })
  return withLock(join(home, 'locks', slug(name)), watch, async () => {
    if (await exists(target)) return target
    // One temporary name for each target: under the lock, whatever stands there is a killed run's.
    const temporary = join(home, 'tmp', slug(name))
    try {
      await rm(temporary, { recursive: true, force: true })
      await mkdir(temporary, { recursive: true })
      await make(temporary)
      watch.signal?.throwIfAborted()
      await mkdir(dirname(target), { recursive: true })
      await rename(temporary, target)
      await syncFolder(dirname(target))
    } catch (error) {
      await rm(temporary, { recursive: true, force: true })
      throw diskFailure(error, home)
    }
    return target
  })
}

/** Takes an installed folder away: out of sight at once, then deleted. */
export const unstage = async (home: string, name: string, watch: Watch = {}): Promise<void> => {
  await withLock(join(home, 'locks', slug(name)), watch, async () => {
    const temporary = join(home, 'tmp', slug(name))
    await rm(temporary, { recursive: true, force: true })
    if (!(await exists(join(home, name)))) return
    await mkdir(dirname(temporary), { recursive: true })
    await rename(join(home, name), temporary)
    await rm(temporary, { recursive: true, force: true })
  })
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )
