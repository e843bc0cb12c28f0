import { open } from 'node:fs/promises'

import { Failure } from '../core/failure.ts'
import type { Progress, Watch } from './progress.ts'
import { unpackTar } from './tar.ts'
import type { Limits } from './target.ts'
import { unpackZip } from './zip.ts'

/**
 * Unpacks a zip (a wheel is one) or tar.gz into the empty `folder`; the content decides which it is. Only plain files
 * and folders come out, and only inside `folder`. Throws `Failure('archive_unsafe')` for everything else: other
 * formats, paths that lead out, links, names twice, sizes or checksums that are not as declared, too much of it.
 */
export const unpack = async (
  archive: string,
  folder: string,
  options: Watch & Partial<Limits> = {},
): Promise<void> => {
  let last: Progress | undefined
  const onProgress = (progress: Progress): void => {
    last = progress
    options.onProgress?.(progress)
  }
  const watched = { ...options, onProgress }
  const file = await open(archive, 'r')
  try {
    const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0)
    if (buffer.readUInt16BE(0) === 0x50_4b) await unpackZip(file, archive, folder, watched)
    else if (buffer.readUInt16BE(0) === 0x1f_8b) await unpackTar(archive, folder, watched)
    else throw new Failure('archive_unsafe', `${archive} is neither a zip nor a tar.gz.`)
  } finally {
    await file.close()
  }
  // How much it is shows only at the end.
  if (last !== undefined) options.onProgress?.({ ...last, total: last.done })
}
