import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { Failure } from '../core/failure.ts'
import { diskFailure } from './disk.ts'
import type { Watch } from './progress.ts'
import type { Python } from './python.ts'
import { run } from './run.ts'
import { unpack } from './unpack.ts'

/** One package, as a wheel for this machine, without its dependencies. */
export interface Package {
  readonly name: string
  /** Left out: the newest that the index has. */
  readonly version?: string
  /** sha256 of each wheel that is accepted (one for each platform). Empty: whatever the index gives. */
  readonly sha256: readonly string[]
  /** Asked instead of the user's own index. */
  readonly indexUrl?: string
  /** Asked beside it. */
  readonly extraIndexUrl?: string
  /** Size of the wheel, for the progress. */
  readonly bytes?: number
}

export interface PipOptions extends Watch {
  readonly env?: Readonly<Record<string, string | undefined>>
}

const pollMs = 200

/**
 * Fetches a package through the user's own pip or uv (their mirror, proxy and certificates come along) and unpacks
 * it into the empty `folder`; nothing enters the user's environment, no code of the package runs. Returns the version.
 * Throws `Failure` package_missing, network_unreachable, digest_mismatch, disk_full, pip_missing, download_failed.
 */
export const pipDownload = async (
  python: Python,
  wanted: Package,
  folder: string,
  options: PipOptions = {},
): Promise<{ readonly version: string }> => {
  // All on the disk of `folder`: moving is free, a full disk is noticed here, and the growing file can be watched.
  const work = join(folder, '.fetch')
  const out = join(work, 'out')
  const temporary = join(work, 'tmp')
  const list = join(work, 'requirements.txt')
  try {
    await mkdir(out, { recursive: true })
    await mkdir(temporary)
    await writeFile(list, requirement(wanted))
    const stop = await watchGrowth(work, wanted, options)
    const ran = await run(
      python.installer.kind === 'pip'
        ? pipCommand(python, wanted, list, out)
        : uvCommand(python, python.installer.path, wanted, list, out, join(work, 'cache')),
      {
        // A download enters no environment, so pip's demand for an active one has no meaning here.
        env: { ...options.env, TMPDIR: temporary, PIP_REQUIRE_VIRTUALENV: '0', UV_HTTP_RETRIES: '1' },
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      },
    ).finally(stop)
    if (ran.status !== 0) throw packageFailure(`${ran.stderr}\n${ran.stdout}`, wanted)
    const fetched = await folderBytes(out)
    options.onProgress?.({ label: fetching(wanted), done: fetched, total: fetched })
    const [first, ...more] = await readdir(out)
    if (first?.endsWith('.whl') === true && more.length === 0) await unpack(join(out, first), folder, options)
    // (uv leaves its lock file beside the package.)
    else {
      const entries = (await readdir(out)).filter((entry) => entry !== '.lock')
      for (const entry of entries) await rename(join(out, entry), join(folder, entry))
    }
  } catch (error) {
    for (const entry of await readdir(folder)) await rm(join(folder, entry), { recursive: true, force: true })
    throw diskFailure(error, folder)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  return { version: await installedVersion(folder, wanted) }
}

const requirement = (wanted: Package): string =>
  [
    wanted.version === undefined ? wanted.name : `${wanted.name}==${wanted.version}`,
    ...wanted.sha256.map((digest) => `--hash=sha256:${digest}`),
  ].join(' ')

const common = (wanted: Package): string[] => [
  '--no-deps',
  '--only-binary=:all:',
  ...(wanted.sha256.length > 0 ? ['--require-hashes'] : []),
  ...(wanted.indexUrl === undefined ? [] : ['--index-url', wanted.indexUrl]),
  ...(wanted.extraIndexUrl === undefined ? [] : ['--extra-index-url', wanted.extraIndexUrl]),
]

const pipCommand = (python: Python, wanted: Package, list: string, out: string): string[] => [
  python.executable,
  ...'-m pip download --disable-pip-version-check --no-input --progress-bar off --retries 2'.split(' '),
  ...common(wanted),
  '--requirement',
  list,
  '--dest',
  out,
]

// uv has no `download`; an install into a target folder verifies the same hashes and runs no code either. Its own
// cache folder keeps the files ours alone: from a shared one they would be hard links.
const uvCommand = (
  python: Python,
  uv: string,
  wanted: Package,
  list: string,
  out: string,
  cache: string,
): string[] => [
  uv,
  ...'pip install --no-progress --python'.split(' '),
  python.executable,
  ...common(wanted),
  '--cache-dir',
  cache,
  '--requirement',
  list,
  '--target',
  out,
]

/** What the last words of pip or uv mean. Pure. */
export const packageFailure = (said: string, wanted: Package): Failure => {
  const name = wanted.version === undefined ? wanted.name : `${wanted.name} ${wanted.version}`
  const meaning = meanings.find(([pattern]) => pattern.test(said))
  if (meaning === undefined) {
    const last = said.split('\n').findLast((line) => /error/i.test(line)) ?? 'it gave no reason'
    return new Failure('download_failed', `Fetching the package ${name} failed: ${last.trim()}`)
  }
  const [, code, message] = meaning
  return new Failure(code, message.replace('NAME', name))
}

// In order: a network failure also ends in "no matching distribution".
const meanings = [
  [
    /No space left on device|Errno 28|os error 28|Disk quota exceeded/,
    'disk_full',
    'The disk is full: NAME does not fit.',
  ],
  [
    /DO NOT MATCH THE HASHES|Hash mismatch/i,
    'digest_mismatch',
    'The package NAME is not the one that was pinned.',
  ],
  [
    /certificate verify failed|CERTIFICATE_VERIFY_FAILED|invalid peer certificate/,
    'network_unreachable',
    'The package index for NAME shows a certificate that this machine does not trust (pip: `cert`, uv: `SSL_CERT_FILE`).',
  ],
  [
    /Failed to establish a new connection|NewConnectionError|Connection refused|Network is unreachable|name resolution|dns error|ConnectTimeout|ReadTimeout|timed out|ProxyError|Cannot connect to proxy|tunneling|client error \(Connect\)|Connection reset|Connection broken/i,
    'network_unreachable',
    'The package index cannot be reached to fetch NAME.',
  ],
  [/No module named pip|no such option/, 'pip_missing', 'This pip is too old to fetch NAME safely.'],
  [
    /No matching distribution|Could not find a version|No solution found|no wheels|not found in the package registry/i,
    'package_missing',
    'The package index has no NAME for this machine and Python.',
  ],
] as const satisfies readonly (readonly [RegExp, Failure['code'], string])[]

const fetching = ({ name }: Package): string => `Fetching ${name}`

const watchGrowth = async (work: string, wanted: Package, { onProgress }: Watch): Promise<() => void> => {
  if (onProgress === undefined) return () => undefined
  // The list of what is wanted is nothing that came.
  const before = await folderBytes(work)
  let stopped = false
  const total = wanted.bytes === undefined ? {} : { total: wanted.bytes }
  const tell = async () => {
    const size = (await folderBytes(work)) - before
    if (stopped) return
    // pip copies the whole file once more at the end.
    onProgress({ label: fetching(wanted), done: Math.min(size, wanted.bytes ?? size), ...total })
  }
  const timer = setInterval(() => void tell(), pollMs)
  return () => {
    stopped = true
    clearInterval(timer)
  }
}

const folderBytes = async (folder: string): Promise<number> => {
  const names = await readdir(folder, { recursive: true }).catch(() => [])
  const sizes = names.map((name) =>
    stat(join(folder, name)).then(
      (entry) => (entry.isFile() ? entry.size : 0),
      () => 0,
    ),
  )
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}

const installedVersion = async (folder: string, wanted: Package): Promise<string> => {
  const info = (await readdir(folder)).find((name) => name.endsWith('.dist-info'))
  return info?.slice(0, -'.dist-info'.length).split('-').at(-1) ?? wanted.version ?? 'unknown'
}
