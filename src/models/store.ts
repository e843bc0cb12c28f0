import { createHash } from 'node:crypto'
import { chmod, mkdir, open, rename, rm, rmdir, stat, symlink } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'

import type { Clock } from '../core/clock.ts'
import { Failure } from '../core/failure.ts'
import { slug } from '../core/slug.ts'
import { diskFailure, errorCode, syncFolder } from '../install/disk.ts'
import { sha256OfFile } from '../install/download.ts'
import { withLock } from '../install/lock.ts'
import type { Watch } from '../install/progress.ts'
import { bring, inspect, pin, type Brought } from './bring.ts'
import type { ModelFacts } from './facts.ts'
import type { Model, Models } from './model.ts'
import { readRecord, readRecords, writeRecord, type ModelRecord, type RecordedFile } from './record.ts'
import { parseSource } from './sources/index.ts'
import type { Offers, World } from './sources/source.ts'
import { sweep } from './sweep.ts'

export interface ModelsOptions extends World {
  readonly home: string
  readonly clock?: Pick<Clock, 'now'>
}

export const openModels = (options: ModelsOptions): Models => new ModelStore(options)

class ModelStore implements Models {
  readonly #folder: string
  readonly #locks: string
  readonly #world: World
  readonly #clock: Pick<Clock, 'now'>

  constructor({ home, clock = Date, ...world }: ModelsOptions) {
    this.#folder = join(home, 'models')
    this.#locks = join(home, 'locks')
    this.#world = world
    this.#clock = clock
  }

  async list(): Promise<readonly Model[]> {
    const records = await readRecords(join(this.#folder, 'refs'))
    return records.filter((record) => record !== 'unreadable').map((record) => this.#model(record))
  }

  async resolve(source: string): Promise<Model> {
    const { reference } = parseSource(source)
    const record = await this.#intact(reference.text)
    if (record.state !== 'approved') {
      throw new Failure('model_unsafe', `${source} is ${record.state}; only approved models are served.`)
    }
    return this.#model(record)
  }

  async pull(written: string, watch: Watch = {}): Promise<Model> {
    const { source, reference } = parseSource(written)
    const work = this.#place('pulls', slug(reference.text))
    return this.#locked(slug(reference.text), watch, async () => {
      const here = await this.#intact(reference.text).catch(missing)
      if (here !== undefined) return this.#model(here)
      try {
        const offers = pin(await source.find(reference, this.#world, watch), reference)
        const places = { work, blob: (sha256: string) => this.#blob(sha256) }
        const files: Brought[] = []
        for (const [index, offer] of offers.files.entries()) {
          files.push(await bring(offer, index, places, watch))
        }
        const facts = await inspect(files)
        watch.signal?.throwIfAborted()
        return this.#model(await this.#commit(reference.text, offers, files, facts))
      } catch (thrown) {
        const error = goneFailure(diskFailure(thrown, work), reference.text)
        if (error instanceof Failure && spoils.has(error.code)) await this.#discard(work)
        // What arrived is taken up again; a folder in which nothing did is no use.
        else await rmdir(work).catch(() => {})
        throw error
      }
    })
  }

  async remove(source: string): Promise<void> {
    const { text } = parseSource(source).reference
    const name = slug(text)
    const gone = new Failure('model_missing', `${text} is not here.`)
    const places = [this.#ref(text), this.#place('pulls', name)]
    // Nothing is locked for it, so that a home that is not there is not made.
    if (!(await Promise.all(places.map(isThere))).includes(true)) throw gone
    await this.#locked(name, {}, () =>
      this.#locked(storeLock, {}, async () => {
        const record = await readRecord(this.#ref(text))
        await rm(this.#place('pulls', name), { recursive: true, force: true })
        if (record === undefined) throw gone
        await rm(this.#ref(text))
        await rm(this.#place('views', name), { recursive: true, force: true })
        await sweep(this.#folder, this.#clock.now())
      }),
    )
  }

  /** What arrived, and blobs that no record came to name. */
  async #discard(work: string): Promise<void> {
    await rm(work, { recursive: true, force: true })
    await this.#locked(storeLock, {}, () => sweep(this.#folder, this.#clock.now()))
  }

  /** Blobs first, then the record that names them: a kill between leaves a blob that the next sweep takes. */
  #commit(
    source: string,
    offers: Offers,
    files: readonly Brought[],
    facts: ModelFacts,
  ): Promise<ModelRecord> {
    return this.#locked(storeLock, {}, async () => {
      await mkdir(this.#place('blobs'), { recursive: true })
      const recorded = await Promise.all(files.map((file) => this.#keep(file)))
      await syncFolder(this.#place('blobs'))
      const record: ModelRecord = {
        version: 1,
        source,
        trust: offers.trust,
        // Every byte is the one that was pinned, published or named by the operator, and the format cannot carry code.
        state: 'approved',
        digest: digestOf(recorded),
        files: recorded,
        facts,
        pulledAt: this.#clock.now(),
        ...(offers.revision === undefined ? {} : { revision: offers.revision }),
        ...(offers.notes === undefined ? {} : { notes: offers.notes }),
      }
      await this.#makeView(record)
      await writeRecord(this.#ref(source), record)
      await rm(this.#place('pulls', slug(source)), { recursive: true, force: true })
      await sweep(this.#folder, this.#clock.now())
      return record
    })
  }

  async #keep({ name, role, sha256, bytes, path, place }: Brought): Promise<RecordedFile> {
    const kept = place === 'elsewhere' ? path : this.#blob(sha256)
    if (place === 'work') {
      const file = await open(path, 'r')
      await file.sync()
      await file.close()
      await chmod(path, 0o444)
      await rename(path, kept)
    }
    const { mtimeMs } = await stat(kept)
    return { name, role, sha256, bytes, mtimeMs, ...(place === 'elsewhere' ? { path } : {}) }
  }

  /** The record, with every file where and what it was. */
  async #intact(source: string): Promise<ModelRecord> {
    const record = await readRecord(this.#ref(source))
    if (record === undefined || record === 'unreadable') {
      throw new Failure('model_missing', `${source} has not been pulled.`)
    }
    let touched = false
    const files = await Promise.all(
      record.files.map(async (file) => {
        const path = this.#pathOf(file)
        const entry = await stat(path).catch(() => undefined)
        if (entry === undefined) throw new Failure('model_missing', `${path} of ${source} is gone.`)
        if (entry.size === file.bytes && entry.mtimeMs === file.mtimeMs) return file
        if ((await sha256OfFile(path)) !== file.sha256) {
          throw new Failure('digest_mismatch', `${path} is not the file that was pulled as ${source}.`)
        }
        touched = true
        return { ...file, mtimeMs: entry.mtimeMs }
      }),
    )
    const checked = { ...record, files }
    if (touched) {
      await this.#locked(storeLock, {}, async () => {
        // Removed or pulled anew while we read the files: that is the last word.
        const now = await readRecord(this.#ref(source))
        if (Bun.deepEquals(now, record)) await writeRecord(this.#ref(source), checked)
      })
    }
    return checked
  }

  /** A model of several files needs them side by side under their own names: links to the blobs. */
  async #makeView(record: ModelRecord): Promise<void> {
    const view = this.#place('views', slug(record.source))
    await rm(view, { recursive: true, force: true })
    if (!needsView(record)) return
    for (const file of record.files) {
      const link = join(view, file.name)
      await mkdir(dirname(link), { recursive: true })
      await symlink(file.path ?? relative(dirname(link), this.#blob(file.sha256)), link)
    }
  }

  #model(record: ModelRecord): Model {
    const { source, digest, trust, state, revision, notes = {}, pulledAt } = record
    const files = record.files.map((file) => ({
      name: file.name,
      role: file.role,
      path: this.#pathOf(file),
      sha256: file.sha256,
      bytes: file.bytes,
    }))
    const known = { source, digest, trust, state, notes, files, pulledAt, facts: record.facts as ModelFacts }
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
    return { ...known, bytes, path: this.#given(record), ...(revision === undefined ? {} : { revision }) }
  }

  #given(record: ModelRecord): string {
    const first = record.files.find(({ role }) => role === 'model')
    if (first === undefined) throw new Failure('model_missing', `${record.source} has no model file.`)
    if (!needsView(record)) return this.#pathOf(first)
    const view = this.#place('views', slug(record.source))
    return record.facts.format === 'gguf' ? join(view, first.name) : view
  }

  #pathOf(file: RecordedFile): string {
    return file.path ?? this.#blob(file.sha256)
  }

  #blob(sha256: string): string {
    return this.#place('blobs', `sha256-${sha256}`)
  }

  #ref(source: string): string {
    return this.#place('refs', `${slug(source)}.json`)
  }

  #place(...parts: readonly string[]): string {
    return join(this.#folder, ...parts)
  }

  #locked<T>(name: string, watch: Watch, work: () => Promise<T>): Promise<T> {
    return withLock(join(this.#locks, `models-${name}`), watch, work)
  }
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

const storeLock = 'store'

/** Failures after which what arrived is worth nothing. */
const spoils: ReadonlySet<Failure['code']> = new Set(['digest_mismatch', 'model_unsafe', 'disk_full'])

/** A file that is gone or changed is a reason to pull again, not to give up. */
const missing = (error: unknown): undefined => {
  if (error instanceof Failure && (error.code === 'model_missing' || error.code === 'digest_mismatch')) return
  throw error
}

/** A blob that was another model's too may go with that one between the time it is found and the time it is kept. */
const goneFailure = (error: unknown, source: string): unknown =>
  errorCode(error) === 'ENOENT'
    ? new Failure('download_failed', `A file of ${source} was removed meanwhile.`, { cause: error })
    : error

const needsView = ({ files }: ModelRecord): boolean =>
  files.filter(({ role }) => role === 'model' || role === 'sidecar').length > 1

const digestOf = (files: readonly RecordedFile[]): string => {
  const parts = files.filter(({ role }) => role === 'model' || role === 'sidecar')
  const [only, ...more] = parts
  if (only !== undefined && more.length === 0) return only.sha256
  const lines = parts.map(({ sha256, name }) => `${sha256}  ${name}\n`).toSorted()
  return createHash('sha256').update(lines.join('')).digest('hex')
}
