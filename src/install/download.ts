import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readFile, rename, rm, stat, writeFile, type FileHandle } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { setTimeout } from 'node:timers/promises'

import { Failure } from '../core/failure.ts'
import { diskFailure, needSpace, syncFolder } from './disk.ts'
import type { Watch } from './progress.ts'
import { ask, restMs, type Asking } from './web.ts'

export interface Download extends Watch, Asking {
  readonly url: string
  /** Where the file shall stand. While it grows it is `to + '.partial'`, beside `to + '.partial.json'`. */
  readonly to: string
  readonly sha256?: string
  readonly bytes?: number
  /** For the progress; the file's name if left out. */
  readonly label?: string
}

export interface Downloaded {
  readonly bytes: number
  readonly sha256: string
}

/** What is known of a partial file: enough to ask only for the rest. */
interface Begun {
  readonly url: string
  readonly etag: string
}

interface Growing {
  readonly file: FileHandle
  readonly hash: Hash
  bytes: number
  /** A part of it came with an earlier request. */
  resumed: boolean
}

/** A cut connection is taken up again this often without a new byte; each new byte starts the count afresh. */
const idleAttempts = 4

/**
 * Brings a file, taking up what an earlier, killed run left. Size and digest are verified while it streams; it is
 * synced and renamed into place only when whole. Throws `Failure` network_unreachable, download_failed (the part is
 * kept), digest_mismatch and disk_full (nothing is kept), source_missing, source_denied.
 */
export const download = async (job: Download): Promise<Downloaded> => {
  const partial = `${job.to}.partial`
  await mkdir(dirname(job.to), { recursive: true })
  try {
    const done = await fetchAndVerify(job, partial)
    await rename(partial, job.to)
    await rm(notes(partial), { force: true })
    await syncFolder(dirname(job.to))
    job.onProgress?.({ label: label(job), done: done.bytes, total: done.bytes })
    return done
  } catch (thrown) {
    const error = diskFailure(thrown, job.to)
    if ((error instanceof Failure && spoils.has(error.code)) || (await isEmpty(partial)))
      await discard(partial)
    throw error
  }
}

/** A file put together from pieces that turns out wrong is fetched once more, in one piece: then it is the source's fault. */
const fetchAndVerify = async (job: Download, partial: string): Promise<Downloaded> => {
  const growing = await begin(job, partial)
  try {
    await grow(job, partial, growing)
    if (growing.resumed && !isRight(job, growing)) {
      await restart(growing)
      await grow(job, partial, growing)
    }
    await growing.file.sync()
  } finally {
    await growing.file.close()
  }
  return verify(job, growing)
}

const spoils: ReadonlySet<Failure['code']> = new Set(['digest_mismatch', 'disk_full', 'source_missing'])

const notes = (partial: string): string => `${partial}.json`

const isEmpty = async (partial: string): Promise<boolean> =>
  (await stat(partial).catch(() => undefined))?.size === 0

const discard = async (partial: string): Promise<void> => {
  await rm(partial, { force: true })
  await rm(notes(partial), { force: true })
}

/** The part that stands there already, hashed; an empty one where it cannot be trusted to be of the same file. */
const begin = async (job: Download, partial: string): Promise<Growing> => {
  if ((await begun(partial))?.url !== job.url) await discard(partial)
  const file = await open(partial, 'a', 0o600)
  try {
    const hash = createHash('sha256')
    for await (const chunk of createReadStream(partial)) {
      hash.update(chunk as Uint8Array)
      job.signal?.throwIfAborted()
    }
    const bytes = (await file.stat()).size
    return { file, hash, bytes, resumed: bytes > 0 }
  } catch (error) {
    await file.close()
    throw error
  }
}

const begun = async (partial: string): Promise<Begun | undefined> => {
  try {
    const read: unknown = JSON.parse(await readFile(notes(partial), 'utf8'))
    return typeof read === 'object' && read !== null && 'url' in read && 'etag' in read
      ? (read as Begun)
      : undefined
  } catch {
    return undefined
  }
}

const grow = async (job: Download, partial: string, growing: Growing): Promise<void> => {
  const atStart = growing.bytes
  let idle = 0
  for (;;) {
    const before = growing.bytes
    try {
      if (job.bytes !== undefined && growing.bytes === job.bytes) return
      await fetchRest(job, partial, growing)
      return
    } catch (error) {
      job.signal?.throwIfAborted()
      idle = growing.bytes > before ? 0 : idle + 1
      if (!(error instanceof Failure) || idle >= idleAttempts) throw error
      // A network that was there a moment ago may come back; one that never was is told at once.
      const lost = error.code === 'network_unreachable' && growing.bytes > atStart
      const wait = error.facts.retryAfterMs ?? (lost ? restMs : undefined)
      if (wait === undefined) throw error
      await rest(wait * 2 ** idle, job.signal)
    }
  }
}

/** Rejects with the signal's reason as soon as it fires. */
const rest = async (ms: number, signal: AbortSignal | undefined): Promise<void> => {
  await setTimeout(ms, undefined, { ...(signal && { signal }) }).catch(() => {})
  signal?.throwIfAborted()
}

const fetchRest = async (job: Download, partial: string, growing: Growing): Promise<void> => {
  const earlier = growing.bytes > 0 ? await begun(partial) : undefined
  const range = earlier && { range: `bytes=${growing.bytes}-`, 'if-range': earlier.etag }
  await using reply = await ask(job.url, {
    ...job,
    headers: { ...job.headers, 'accept-encoding': 'identity', ...range },
    accept: [200, 206, 416],
  })
  const { status, headers } = reply
  // Nothing is missing: it was killed between the last byte and the end.
  if (status === 416 && headers.get('content-range') === `bytes */${growing.bytes}`) return
  if (status !== 206 || earlier === undefined || offsetOf(headers) !== growing.bytes) await restart(growing)
  // The part is already longer than the file, or the server gave another piece than asked: begin again.
  if (status === 416 || (status === 206 && offsetOf(headers) !== growing.bytes)) {
    await rm(notes(partial), { force: true })
    throw new Failure('download_failed', {
      message: `${label(job)} could not be taken up again.`,
      retryAfterMs: restMs,
    })
  }
  growing.resumed ||= status === 206
  const etag = headers.get('etag')
  if (etag !== null && !etag.startsWith('W/')) {
    await writeFile(notes(partial), JSON.stringify({ url: job.url, etag } satisfies Begun))
  } else if (growing.bytes === 0) await rm(notes(partial), { force: true })
  const total = job.bytes ?? totalOf(status, headers, growing.bytes)
  if (total !== undefined) await needSpace(dirname(job.to), total - growing.bytes)
  await pour(job, growing, reply.chunks(), total)
}

const pour = async (
  job: Download,
  growing: Growing,
  chunks: AsyncIterable<Uint8Array>,
  total: number | undefined,
): Promise<void> => {
  for await (const chunk of chunks) {
    await growing.file.appendFile(chunk)
    growing.hash.update(chunk)
    growing.bytes += chunk.length
    // Longer than it should be: the rest is not waited for.
    if (total !== undefined && growing.bytes > total) return
    job.onProgress?.({ label: label(job), done: growing.bytes, ...(total === undefined ? {} : { total }) })
  }
  if (total !== undefined && growing.bytes < total) {
    throw new Failure('download_failed', {
      message: `${label(job)} was cut off at ${growing.bytes} of ${total} bytes.`,
      retryAfterMs: restMs,
    })
  }
}

const restart = async (growing: Growing): Promise<void> => {
  await growing.file.truncate(0)
  Object.assign(growing, { hash: createHash('sha256'), bytes: 0, resumed: false })
}

const offsetOf = (headers: Headers): number | undefined => {
  const offset = /^bytes (\d+)-/.exec(headers.get('content-range') ?? '')?.[1]
  return offset === undefined ? undefined : Number(offset)
}

const totalOf = (status: number, headers: Headers, before: number): number | undefined => {
  const length = headers.get('content-length')
  return length === null ? undefined : Number(length) + (status === 206 ? before : 0)
}

const isRight = ({ sha256, bytes }: Download, growing: Growing): boolean =>
  (sha256 === undefined || growing.hash.copy().digest('hex') === sha256) &&
  (bytes === undefined || bytes === growing.bytes)

const verify = (job: Download, growing: Growing): Downloaded => {
  const sha256 = growing.hash.digest('hex')
  if (job.sha256 !== undefined && job.sha256 !== sha256) {
    throw new Failure('digest_mismatch', `${label(job)} has sha256 ${sha256}, not ${job.sha256}.`)
  }
  if (job.bytes !== undefined && job.bytes !== growing.bytes) {
    throw new Failure('digest_mismatch', `${label(job)} has ${growing.bytes} bytes, not ${job.bytes}.`)
  }
  return { bytes: growing.bytes, sha256 }
}

const label = (job: Download): string => job.label ?? basename(job.to)

/** sha256 of a file, as lower-case hex. */
export const sha256OfFile = async (path: string, watch: Watch = {}): Promise<string> => {
  const hash = createHash('sha256')
  const total = (await stat(path)).size
  let done = 0
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    const bytes = chunk as Uint8Array
    hash.update(bytes)
    done += bytes.length
    watch.signal?.throwIfAborted()
    watch.onProgress?.({ label: `Verifying ${basename(path)}`, done, total })
  }
  return hash.digest('hex')
}
