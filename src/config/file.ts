import { isUtf8 } from 'node:buffer'
import { closeSync, openSync, readSync, realpathSync, statSync, type Stats } from 'node:fs'
import { join, resolve } from 'node:path'

import { Failure } from '../core/failure.ts'
import { ConfigInvalid } from './problem.ts'

export interface Search {
  /** `--config`. */
  readonly file?: string | undefined
  readonly home: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** Takes `inhouse.yaml` of the working directory too: for commands that say which file they use. */
  readonly here?: boolean
}

export interface Found {
  /** Absolute; undefined when there is none and the built-in model is served. */
  readonly file: string | undefined
  /** Where it was looked for, absolute: the first that is there counts. */
  readonly places: readonly string[]
  /** `inhouse.yaml` of the working directory, where nobody named it: whether it was used. Undefined: there is none. */
  readonly here: { readonly file: string; readonly isUsed: boolean } | undefined
}

/** `--config`, `INHOUSE_CONFIG`, `./inhouse.yaml` (see `here`), `<home>/inhouse.yaml`: the first that is named or there. */
export function findFile({ file, home, env, cwd, here = false }: Search): Found {
  const named = file ?? env['INHOUSE_CONFIG']
  if (named !== undefined && named !== '') {
    const path = resolve(cwd, named)
    return { file: path, places: [path], here: undefined }
  }
  const inHome = join(home, 'inhouse.yaml')
  const inFolder = join(cwd, 'inhouse.yaml')
  const kept = isThere(inHome) ? inHome : undefined
  const isOther = isThere(inFolder) && (kept === undefined || realpathSync(inFolder) !== realpathSync(kept))
  return {
    file: isOther && here ? inFolder : kept,
    places: here ? [inFolder, inHome] : [inHome],
    here: isOther ? { file: inFolder, isUsed: here } : undefined,
  }
}

/** A pipe that somebody put there does not count: reading it would never end. */
export const isThere = (path: string): boolean => statOf(path)?.isFIFO() === false

/** Follows links; undefined where they lead nowhere. */
export function statOf(path: string): Stats | undefined {
  try {
    return statSync(path)
  } catch {
    return undefined
  }
}

const maxFileBytes = 1024 ** 2

/** The text of the file, which is called `name` in what is thrown: `ConfigInvalid`, `Failure('config_missing')`. */
export function readFile(file: string, name: string): string {
  const unreadable = (text: string): ConfigInvalid => new ConfigInvalid([{ where: name, path: '', text }])
  const buffer = Buffer.allocUnsafe(maxFileBytes + 1)
  let length = 0
  try {
    const handle = openSync(file, 'r')
    try {
      for (let read = -1; read !== 0 && length < buffer.length; length += read) {
        read = readSync(handle, buffer, length, buffer.length - length, null)
      }
    } finally {
      closeSync(handle)
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw new Failure('config_missing', `There is no config file ${file}.`)
    throw unreadable(`cannot be read (${code})`)
  }
  if (length > maxFileBytes) throw unreadable('has more than 1 MiB')
  const bytes = buffer.subarray(0, length)
  if (!isUtf8(bytes)) throw unreadable('is not UTF-8 text')
  return new TextDecoder().decode(bytes)
}
