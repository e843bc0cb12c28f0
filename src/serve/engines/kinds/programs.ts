import { access, constants } from 'node:fs/promises'
import { resolve } from 'node:path'

import { Failure } from '../../../core/failure.ts'
import type { Search } from './kind.ts'

/** The program of a kind: the config's, else the first of these names on PATH. Throws `Failure('engine_missing')`. */
export const findProgram = async (id: string, names: readonly string[], search: Search): Promise<string> => {
  const PATH = search.env['PATH'] ?? ''
  const given = search.settings.programs?.[id]
  if (given === undefined) {
    const found = names.map((name) => Bun.which(name, { PATH })).find((path) => path !== null)
    if (found !== undefined) return found
    throw missing(id, `There is no ${names.join(' and no ')} on PATH.`)
  }
  const path = given.includes('/') ? resolve(given) : Bun.which(given, { PATH })
  const usable =
    path !== null &&
    (await access(path, constants.X_OK).then(
      () => true,
      () => false,
    ))
  if (usable) return path
  throw missing(id, `engines.programs.${id} is ${given}, which is no program.`)
}

const missing = (id: string, message: string): Failure =>
  new Failure('engine_missing', {
    message,
    help: `Install ${id}, or name its program in \`engines.programs.${id}\`.`,
  })
