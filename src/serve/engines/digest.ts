import { createHash } from 'node:crypto'
import { readdir, rm } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'

import { Failure } from '../../core/failure.ts'
import { sha256OfFile } from '../../install/download.ts'

/** What installers write beside a package, each in its own way. Nothing runs it. */
const ofInstaller = /^[^/]+\.dist-info\/(?:INSTALLER|RECORD|REQUESTED|direct_url\.json)$/

/**
 * One sha256 over every file of an unpacked package, its path and its content, whatever the package says of itself.
 * The same after pip and uv. Takes compiled Python away, which would run in the place of what was looked at. Throws
 * `Failure('engine_unsupported')` for what is no plain file.
 */
export const contentDigest = async (folder: string): Promise<string> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const caches = entries.filter(({ name }) => name === '__pycache__')
  for (const cache of caches) await rm(join(cache.parentPath, cache.name), { recursive: true, force: true })
  const lines: string[] = []
  for (const entry of entries) {
    const path = relative(folder, join(entry.parentPath, entry.name)).replaceAll(sep, '/')
    if (entry.isDirectory() || ofInstaller.test(path) || path.split('/').includes('__pycache__')) continue
    if (!entry.isFile())
      throw new Failure('engine_unsupported', `The package holds ${path}, which is no file.`)
    lines.push(JSON.stringify([path, await sha256OfFile(join(folder, path))]))
  }
  return createHash('sha256').update(lines.toSorted().join('\n')).digest('hex')
}
