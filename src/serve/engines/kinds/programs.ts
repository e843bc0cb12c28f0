import { access, constants } from 'node:fs/promises'
import { resolve } from 'node:path'

import { Failure } from '../../../core/failure.ts'
import type { EngineKind, Search } from './kind.ts'

type Kind = Pick<EngineKind, 'id' | 'install'>

/** The program of a kind: the config's, else the first of these names on PATH. Throws `Failure('engine_missing')`. */
export const findProgram = async (kind: Kind, names: readonly string[], search: Search): Promise<string> => {
  const { id } = kind
  const PATH = search.env['PATH'] ?? ''
  const given = search.settings.programs?.[id]
  if (given === undefined) {
    const found = names.map((name) => Bun.which(name, { PATH })).find((path) => path !== null)
    if (found !== undefined) return found
    throw missing(kind, `There is no ${names.join(' and no ')} on PATH.`)
  }
  const path = await programAt(given, search.env)
  if (path !== undefined) return path
  throw missing(kind, `engines.programs.${id} is ${given}, which is no program.`)
}

/** The program that is called so here: a path, or a name on PATH. */
export const programAt = async (name: string, env: Search['env']): Promise<string | undefined> => {
  const path = name.includes('/') ? resolve(name) : Bun.which(name, { PATH: env['PATH'] ?? '' })
  if (path === null) return undefined
  return access(path, constants.X_OK).then(
    () => path,
    () => undefined,
  )
}

/** What people can do where the program of a kind is missing, or lacks something. */
export const installHelp = ({ id, install }: Kind): string =>
  `${install ?? `Install ${id}.`} Or name its program in \`engines.programs.${id}\`.`

const missing = (kind: Kind, message: string): Failure =>
  new Failure('engine_missing', { message, help: installHelp(kind) })
