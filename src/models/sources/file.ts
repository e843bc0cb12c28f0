import { readdir, realpath, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { Failure } from '../../core/failure.ts'
import { chooseFiles } from './hub-files.ts'
import { notUnderstood, type ModelSource, type Offer, type Reference, type Role } from './source.ts'

/** A file that is on this machine, or a folder of safetensors as a hub has them; used where it is. */
export const file: ModelSource = {
  scheme: 'file',
  example: 'file:/models/x.gguf',
  find: async (reference) => {
    const path = await place(reference)
    if ((await stat(path)).isFile()) return { trust: 'recorded', files: [offer(path, 'model')] }
    const names = await readdir(path)
    const chosen = chooseFiles(
      names.map((name) => ({ path: name, bytes: 0 })),
      undefined,
    )
    if (chosen.length === 0) throw notUnderstood(reference, 'the folder holds neither GGUF nor safetensors')
    return {
      trust: 'recorded',
      files: chosen.map(({ file: { path: name }, role }) => offer(join(path, name), role)),
    }
  },
}

const offer = (path: string, role: Role): Offer => ({
  name: basename(path),
  role,
  path,
  // Only asked for when the digest in the reference is not the file's.
  fetch: () => Promise.reject(new Failure('digest_mismatch', `${path} is not the file that was pinned.`)),
})

const place = async (reference: Reference): Promise<string> => {
  const path = reference.rest.startsWith('//') ? pathIn(`file:${reference.rest}`) : reference.rest
  if (path?.startsWith('/') !== true) throw notUnderstood(reference, 'give the whole path, from /')
  const entry = await stat(path).catch(() => undefined)
  if (entry === undefined) throw new Failure('source_missing', `There is no file ${path}.`)
  if (!entry.isFile() && !entry.isDirectory())
    throw notUnderstood(reference, 'it is neither a file nor a folder')
  return realpath(path)
}

/** Undefined for one of another machine, or that is badly escaped. */
const pathIn = (url: string): string | undefined => {
  try {
    return fileURLToPath(url)
  } catch {
    return undefined
  }
}
