import { createHash } from 'node:crypto'
import {
  chmod,
  mkdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  rmdir,
  stat,
  writeFile,
} from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'

import { Failure } from '../core/failure.ts'
import { formats } from './formats/index.ts'
import { applySettings, takeOut } from './settings.ts'
import type { FileSettings, Tool } from './tool.ts'

/** One file as it is and as it is to be; undefined: there is none. */
export interface FileEdit {
  readonly path: string
  readonly now: string | undefined
  readonly next: string | undefined
}

/** What was changed for a tool: enough to take it out again. */
export interface Connected {
  readonly tool: string
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly url: string
  readonly model: string
  readonly files: readonly {
    readonly settings: FileSettings
    /** As it was before; undefined: there was none. */
    readonly before?: { readonly backup: string; readonly mode: number }
    /** SHA-256 of what we wrote. */
    readonly written: string
    /** Folders that were made for it, innermost first. */
    readonly made: readonly string[]
  }[]
}

/** A change that is known and not yet made. */
export interface Plan {
  readonly edits: readonly FileEdit[]
  readonly base: readonly (string | undefined)[]
  readonly settings: readonly FileSettings[]
}

/** The connections of a home, one file each under `connect/`, mode 600: they hold keys. */
export class Connections {
  readonly #folder: string

  constructor(home: string) {
    this.#folder = join(home, 'connect')
  }

  async find(tool: string): Promise<Connected | undefined> {
    const text = await textOf(this.#recordPath(tool))
    return text === undefined ? undefined : (JSON.parse(text) as Connected)
  }

  /** What connecting would change. A tool that is connected is taken out first. Throws as `applySettings` does. */
  async plan(tool: Tool, wanted: readonly FileSettings[]): Promise<Plan> {
    const undone = new Map((await this.planUndo(tool)).map((edit) => [edit.path, edit]))
    const files = await Promise.all(
      wanted.map(async ({ path, format, settings }) => {
        const now = undone.get(path)?.now ?? (await textOf(path))
        const edit = undone.get(path)
        const base = edit === undefined ? now : edit.next
        const next = about(path, () => applySettings(formats[format], base ?? '', settings))
        return { base, edit: { path, now, next } }
      }),
    )
    // A file that is no longer ours to change goes back to what it was.
    const left = [...undone.values()].filter(({ path }) => wanted.every((file) => file.path !== path))
    return {
      edits: [...files.map(({ edit }) => edit), ...left],
      base: files.map(({ base }) => base),
      settings: wanted,
    }
  }

  /**
   * Makes the change: backups first, then the record, then the files, each at once and with mode 600. Files that are no
   * longer ours get their own mode back, with the folders that were made for them gone, and no backup stays unnamed.
   */
  async connect(tool: Tool, plan: Plan, facts: Pick<Connected, 'at' | 'url' | 'model'>): Promise<Connected> {
    const earlier = await this.find(tool.id)
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    const files: Connected['files'][number][] = []
    for (const [at, settings] of plan.settings.entries()) {
      const [edit, base] = [plan.edits[at], plan.base[at]]
      const known = earlier?.files.find((file) => file.settings.path === settings.path)
      const mode = known?.before?.mode ?? (await modeOf(settings.path))
      const made = known?.made ?? (await missingFolders(dirname(await targetOf(settings.path))))
      const backup = join(this.#folder, `${tool.id}.${at}.${basename(settings.path)}`)
      if (base !== undefined) await writePrivately(backup, base)
      files.push({
        settings,
        written: digest(edit?.next ?? ''),
        made,
        ...(base !== undefined && { before: { backup, mode: mode ?? 0o600 } }),
      })
    }
    const connected: Connected = { tool: tool.id, ...facts, files }
    await writePrivately(this.#recordPath(tool.id), JSON.stringify(connected, undefined, 2))
    const left = (earlier?.files ?? []).filter((file) =>
      plan.settings.every(({ path }) => path !== file.settings.path),
    )
    await this.#write(plan.edits, modesOf(left))
    await removeMade(left)
    const named = new Set(files.map(({ before }) => before?.backup))
    for (const { before } of earlier?.files ?? [])
      if (before !== undefined && !named.has(before.backup)) await rm(before.backup, { force: true })
    return connected
  }

  /**
   * What undoing would change: a file that is as we wrote it becomes what it was, byte for byte; of one that was changed
   * since, only ours is taken out. Throws `Failure('file_changed')` where that cannot be told apart.
   */
  async planUndo(tool: Tool): Promise<readonly FileEdit[]> {
    const connected = await this.find(tool.id)
    return Promise.all(
      (connected?.files ?? []).map(async ({ settings: { path, format, settings }, before, written }) => {
        const now = await textOf(path)
        const old = before === undefined ? undefined : await textOf(before.backup)
        if (now === undefined || now === old) return { path, now, next: now }
        if (digest(now) === written) return { path, now, next: old }
        const kept = before === undefined ? '' : ` What stood there before is in ${before.backup}.`
        const taken = about(path, () => takeOut(formats[format], now, old ?? '', settings), kept)
        return { path, now, next: taken }
      }),
    )
  }

  /** Undoes, forgets the connection, and removes its backups. */
  async undo(tool: Tool, edits: readonly FileEdit[]): Promise<void> {
    const connected = await this.find(tool.id)
    if (connected === undefined) return
    await this.#write(edits, modesOf(connected.files))
    await removeMade(connected.files)
    for (const { before } of connected.files)
      if (before !== undefined) await rm(before.backup, { force: true })
    await rm(this.#recordPath(tool.id), { force: true })
  }

  async #write(edits: readonly FileEdit[], modes: ReadonlyMap<string, number | undefined>): Promise<void> {
    for (const { path, now, next } of edits) {
      if (next === undefined) {
        if (now !== undefined) await rm(await targetOf(path), { force: true })
        continue
      }
      if (next !== now) await writePrivately(path, next)
      await chmod(path, modes.get(path) ?? 0o600)
    }
  }

  #recordPath(tool: string): string {
    return join(this.#folder, `${tool}.json`)
  }
}

const modesOf = (files: Connected['files']): ReadonlyMap<string, number | undefined> =>
  new Map(files.map(({ settings, before }) => [settings.path, before?.mode]))

/** A folder in which something else is by now stays. */
const removeMade = async (files: Connected['files']): Promise<void> => {
  for (const { made } of files) for (const folder of made) await rmdir(folder).catch(() => undefined)
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex')

const isMissing = (error: unknown): boolean => (error as { code?: unknown }).code === 'ENOENT'

const textOf = async (path: string): Promise<string | undefined> => {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

const modeOf = async (path: string): Promise<number | undefined> => {
  const found = await stat(path).catch(() => undefined)
  return found && found.mode & 0o777
}

/** Innermost first. */
const missingFolders = async (folder: string): Promise<string[]> =>
  (await modeOf(folder)) === undefined ? [folder, ...(await missingFolders(dirname(folder)))] : []

/** At once or not at all, and through a link: dotfiles often are one. */
const writePrivately = async (path: string, text: string): Promise<void> => {
  const real = await targetOf(path)
  await mkdir(dirname(real), { recursive: true, mode: 0o700 })
  const beside = `${real}.inhouse-new`
  await rm(beside, { force: true })
  await writeFile(beside, text, { mode: 0o600, flag: 'wx' })
  await rename(beside, real)
}

/** Where a link leads, also when nothing is there yet; a path that is no link is its own. */
const targetOf = async (path: string): Promise<string> => {
  try {
    return await realpath(path)
  } catch (error) {
    // A link that leads in a circle is nobody's file.
    if (!isMissing(error)) throw error
  }
  const to = await readlink(path).catch(() => undefined)
  return to === undefined ? path : targetOf(resolve(await realpath(dirname(path)), to))
}

/** Failures of an edit name the file. */
const about = <T>(path: string, work: () => T, more = ''): T => {
  try {
    return work()
  } catch (thrown) {
    if (!(thrown instanceof Failure)) throw thrown
    throw new Failure(thrown.code, { message: `${path}: ${thrown.message}${more}` }, { cause: thrown })
  }
}
