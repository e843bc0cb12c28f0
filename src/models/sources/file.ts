import { realpath, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'

import { Failure } from '../../core/failure.ts'
import { notUnderstood, type ModelSource, type Offer, type Reference } from './source.ts'

/** A file that is on this machine; used where it is. */
export const file: ModelSource = {
  scheme: 'file',
  example: 'file:/models/x.gguf',
  find: async (reference) => {
    const path = await place(reference)
    const offer: Offer = {
      name: basename(path),
      role: 'model',
      path,
      // Only asked for when the digest in the reference is not the file's.
      fetch: () => Promise.reject(new Failure('digest_mismatch', `${path} is not the file that was pinned.`)),
    }
    return { trust: 'recorded', files: [offer] }
  },
}

const place = async (reference: Reference): Promise<string> => {
  const path = reference.rest.startsWith('//') ? pathIn(`file:${reference.rest}`) : reference.rest
  if (path?.startsWith('/') !== true) throw notUnderstood(reference, 'give the whole path, from /')
  const entry = await stat(path).catch(() => undefined)
  if (entry === undefined) throw new Failure('source_missing', `There is no file ${path}.`)
  if (!entry.isFile()) throw notUnderstood(reference, 'it is not a file')
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
