import { mkdir, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'

import { Failure } from '../core/failure.ts'
import { sha256OfFile } from '../install/download.ts'
import type { Watch } from '../install/progress.ts'
import { isSafePath } from '../install/target.ts'
import { inspectModel } from './formats.ts'
import type { ModelFacts } from './facts.ts'
import { readSidecars } from './sidecars.ts'
import type { Offer, Offers, Reference, Role } from './sources/source.ts'

/** A verified file on this machine. */
export interface Brought {
  readonly name: string
  readonly role: Role
  readonly sha256: string
  readonly bytes: number
  /** Where it stands now. */
  readonly path: string
  /** `work`: to be moved among the blobs; `blob`: it is one; `elsewhere`: it stays where it is. */
  readonly place: 'work' | 'blob' | 'elsewhere'
}

export interface Places {
  /** This pull's own folder; what a killed attempt left there is taken up. */
  readonly work: string
  blob(sha256: string): string
}

/** The digest in a reference is the last word: it is what the one model file must have. */
export const pin = (offers: Offers, reference: Reference): Offers => {
  const { sha256 } = reference
  if (sha256 === undefined) return offers
  const models = offers.files.filter(({ role }) => role === 'model')
  const says = models[0]?.sha256 ?? sha256
  if (models.length !== 1 || says !== sha256) {
    const found = models.length === 1 ? says : `${models.length} files`
    throw new Failure('digest_mismatch', `${reference.text} brings ${found}, not the file that was pinned.`)
  }
  const files = offers.files.map((file) => (file.role === 'model' ? { ...file, sha256 } : file))
  return { ...offers, trust: 'pinned', files }
}

/** One file: from our blobs, from where it already stands on this machine, or fetched. Verified in each case. */
export const bring = async (offer: Offer, index: number, places: Places, watch: Watch): Promise<Brought> => {
  if (!isSafePath(offer.name))
    throw new Failure('model_unsafe', 'A file of the model has an impossible name.')
  const { name, role, sha256: wanted } = offer
  const found = (path: string, sha256: string, place: Brought['place']): Promise<Brought> =>
    stat(path).then(({ size }) => ({ name, role, sha256, bytes: size, path, place }))
  const is = async (path: string) => (await digestOf(path, watch)) === wanted

  if (wanted !== undefined) {
    const blob = places.blob(wanted)
    if (await is(blob)) return found(blob, wanted, 'blob')
  }
  if (offer.path !== undefined) {
    const sha256 = await digestOf(offer.path, watch)
    if (sha256 !== undefined && (wanted ?? sha256) === sha256) return found(offer.path, sha256, 'elsewhere')
  }
  const to = join(places.work, `${index}-${basename(name)}`)
  if (wanted !== undefined && (await is(to))) return found(to, wanted, 'work')
  await rm(to, { force: true })
  await mkdir(places.work, { recursive: true })
  const sha256 = (await offer.fetch(to, watch)) ?? (await sha256OfFile(to, watch))
  if (wanted !== undefined && wanted !== sha256) {
    throw new Failure('digest_mismatch', `${name} has sha256 ${sha256}, not ${wanted}.`)
  }
  return found(to, sha256, 'work')
}

const digestOf = async (path: string, watch: Watch): Promise<string | undefined> => {
  const entry = await stat(path).catch(() => undefined)
  return entry?.isFile() === true ? sha256OfFile(path, watch) : undefined
}

/** What the files say of the model. Throws `Failure('model_unsafe')` when one of them is not what it may be. */
export const inspect = async (files: readonly Brought[]): Promise<ModelFacts> => {
  const facts: ModelFacts[] = []
  for (const { role, path } of files) {
    if (role === 'sidecar') continue
    const inspected = inspectModel(path)
    if (role === 'model') facts.push(inspected)
  }
  const [first, ...more] = facts
  if (first === undefined || more.some(({ format }) => format !== first.format)) {
    throw new Failure('model_unsafe', 'The files do not make one model.')
  }
  return {
    ...first,
    ...(await readSidecars(files.filter(({ role }) => role === 'sidecar'))),
    parameters: facts.reduce((sum, { parameters }) => sum + parameters, 0),
    tensors: facts.reduce((sum, { tensors }) => sum + tensors, 0),
  }
}
