import { chmod, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

import { ConfigInvalid, loadConfig } from '../config/index.ts'
import { writeWhole } from '../install/disk.ts'
import type { Context } from './context.ts'
import { makeHome } from './home-store.ts'

/**
 * Puts a new text in the place of a config file: checked as `config check` does it, beside it, before it counts; what was
 * there stays as FILE.bak. Returns the backup, if there was anything. Throws `ConfigInvalid`: nothing has changed then.
 */
export const replaceConfig = async (
  context: Context,
  file: string,
  text: string,
): Promise<string | undefined> => {
  const real = await realpath(file).catch(() => file)
  const before = await readFile(real).catch(() => undefined)
  const draft = join(dirname(real), `.${basename(real)}.${process.pid}.new`)
  // A config names no secrets, but says much: for its owner alone, unless its owner said otherwise.
  if (dirname(real) === context.home) await makeHome(context.home)
  const mode = (await stat(real).catch(() => undefined))?.mode ?? 0o600
  try {
    await writeWhole(draft, text)
    checkConfig(context, draft, file)
    await chmod(draft, mode & 0o777)
    const backup = before === undefined ? undefined : `${file}.bak`
    if (backup !== undefined) {
      await writeFile(backup, before ?? '', { mode: 0o600 })
      await chmod(backup, mode & 0o777)
    }
    await rename(draft, real)
    return backup
  } finally {
    await rm(draft, { force: true })
  }
}

/** Mistakes are told of the file that it is to become. */
const checkConfig = ({ home }: Context, draft: string, file: string): void => {
  try {
    loadConfig({ file: draft, home, env: process.env, cwd: process.cwd(), secrets: 'unread' })
  } catch (thrown) {
    if (!(thrown instanceof ConfigInvalid)) throw thrown
    throw new ConfigInvalid(
      thrown.problems.map((problem) => ({
        ...problem,
        where: problem.where.replace(/^.*\.new(?=:|$)/, file),
      })),
    )
  }
}
