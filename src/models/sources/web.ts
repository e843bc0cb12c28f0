import { basename } from 'node:path'

import { download } from '../../install/download.ts'
import { notUnderstood, type ModelSource } from './source.ts'

/** Any web address; since nobody vouches for it, only with a digest. */
export const web: ModelSource = {
  scheme: 'https',
  example: 'https://example.org/x.gguf#sha256=…',
  find: (reference, world) => {
    const { sha256, rest } = reference
    if (sha256 === undefined) throw notUnderstood(reference, 'add #sha256= and the digest of the file')
    if (!URL.canParse(`https:${rest}`)) throw notUnderstood(reference, 'it is not a web address')
    const url = new URL(`https:${rest}`)
    const name = basename(url.pathname) || 'model'
    return Promise.resolve({
      trust: 'pinned',
      files: [
        {
          name,
          role: 'model',
          sha256,
          fetch: async (to, watch) => {
            const label = `Downloading ${name}`
            return (await download({ ...watch, ...world, url: url.href, to, sha256, label })).sha256
          },
        },
      ],
    })
  },
}
