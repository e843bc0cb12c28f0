import { Failure } from '../core/failure.ts'
import { diskFailure, errorCode } from '../install/disk.ts'

/** What the system means when it refuses a path, for people. */
const meanings: Readonly<Record<string, string>> = {
  EROFS: 'its file system is read-only',
  EACCES: 'this user may not',
  EPERM: 'this user may not',
  ENOENT: 'the folder it should stand in is not there, and cannot be made',
  ENOTDIR: 'something on the way there is a file, not a folder',
  EEXIST: 'a file stands there, not a folder',
  EISDIR: 'a folder stands there, not a file',
}

/** A path that the system refused to write. */
export const unusable = (path: string, thrown: unknown): Failure => {
  const full = diskFailure(thrown, path)
  if (full instanceof Failure) return full
  const code = errorCode(thrown) ?? 'unknown'
  const message = `${path} cannot be written: ${meanings[code] ?? code}.`
  return new Failure('path_unusable', message, { cause: thrown })
}

/** An error that names the path it is about, and why the system refused that; everything else as it came. */
export const pathFailure = (thrown: unknown): unknown => {
  const path = thrown instanceof Error && 'path' in thrown ? String(thrown.path) : undefined
  const isKnown = path !== undefined && Object.hasOwn(meanings, errorCode(thrown) ?? '')
  return isKnown ? unusable(path, thrown) : diskFailure(thrown, path ?? 'the home')
}
