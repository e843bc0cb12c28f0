import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { Failure } from '../../core/failure.ts'
import { errorCode, writeWhole } from '../../install/disk.ts'
import { withLock } from '../../install/lock.ts'
import { enginesFolder } from './installation.ts'

/**
 * Where nobody published a digest, the one that came first is written down; another one later is refused. Throws
 * `Failure('digest_mismatch')`, also when what was written down cannot be read any more.
 */
export const firstUse = async (home: string, key: string, sha256: string): Promise<string> => {
  const path = join(home, enginesFolder, 'digests.json')
  return withLock(join(home, 'locks', 'engine-digests'), {}, async () => {
    const known = await readDigests(path)
    const before = known[key] ?? sha256
    if (before !== sha256) {
      throw new Failure(
        'digest_mismatch',
        `${key} has sha256 ${sha256}; the first time it was ${before} (${path}).`,
      )
    }
    await writeWhole(path, `${JSON.stringify({ ...known, [key]: sha256 }, undefined, 2)}\n`)
    return sha256
  })
}

const readDigests = async (path: string): Promise<Readonly<Record<string, string>>> => {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Record<string, string>
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return {}
    throw new Failure('digest_mismatch', `${path} is damaged; delete it to record digests anew.`, { cause })
  }
}
