import { Failure } from '../core/failure.ts'
import { run } from './run.ts'

/** A Python ≥ 3.10, and the program that fetches packages for it. */
export interface Python {
  /** Absolute path of the interpreter. */
  readonly executable: string
  /** `3.12`. */
  readonly version: string
  readonly installer: Installer
}

export type Installer = { readonly kind: 'pip' } | { readonly kind: 'uv'; readonly path: string }

type Env = Readonly<Record<string, string | undefined>>

interface Found {
  readonly executable: string
  readonly minor: number
  readonly pip: boolean
}

const oldestMinor = 10
const names = ['python3', 'python', ...[15, 14, 13, 12, 11, 10].map((minor) => `python3.${minor}`)]
const probeTimeoutMs = 15_000

// Also valid in Python 2, so that an old `python` answers and is passed over.
const probe = `import sys
try:
    from importlib.util import find_spec
    pip = find_spec("pip") is not None
except ImportError:
    pip = False
print("%d %d %d" % (sys.version_info[0], sys.version_info[1], pip))
print(sys.executable)`

/**
 * The first Python on PATH that has pip; else one that uv can serve. Throws `Failure('python_missing')`, or
 * `Failure('pip_missing')` where there is a Python but neither pip nor uv (Debian's without python3-pip).
 */
export const findPython = async (
  options: { readonly env?: Env; readonly python?: string; readonly signal?: AbortSignal } = {},
): Promise<Python> => {
  const env = options.env ?? process.env
  const uv = findUv(env)
  let bare: Found | undefined
  for (const name of options.python === undefined ? names : [options.python]) {
    const found = await ask(name, env, options.signal)
    if (found === undefined) continue
    if (found.pip) return python(found, { kind: 'pip' })
    bare ??= found
  }
  if (uv === undefined) {
    if (bare === undefined) throw new Failure('python_missing', 'There is no Python 3.10 or newer on PATH.')
    throw new Failure('pip_missing', `${bare.executable} has no pip, and there is no uv.`)
  }
  const served = bare ?? (await askUv(uv, env, options.signal))
  if (served !== undefined) return python(served, { kind: 'uv', path: uv })
  throw new Failure('python_missing', 'uv is here but no Python: `uv python install 3.12` brings one.')
}

const python = (found: Found, installer: Installer): Python => ({
  executable: found.executable,
  version: `3.${found.minor}`,
  installer,
})

const which = (name: string, env: Env): string | undefined =>
  Bun.which(name, { PATH: env['PATH'] ?? '' }) ?? undefined

const findUv = (env: Env): string | undefined => {
  const home = env['HOME'] ?? ''
  return which('uv', env) ?? which('uv', { PATH: `${home}/.local/bin:${home}/.cargo/bin` })
}

const ask = async (name: string, env: Env, signal?: AbortSignal): Promise<Found | undefined> => {
  const path = which(name, env)
  if (path === undefined) return undefined
  const said = await run([path, '-c', probe], options(env, signal))
  const [numbers = '', executable = ''] = said.stdout.split('\n')
  const [major, minor, pip] = numbers.split(' ').map(Number)
  if (said.status !== 0 || major !== 3 || minor === undefined || minor < oldestMinor) return undefined
  return { executable: executable.trim(), minor, pip: pip === 1 }
}

const askUv = async (uv: string, env: Env, signal?: AbortSignal): Promise<Found | undefined> => {
  const said = await run(
    [uv, 'python', 'find', `>=3.${oldestMinor}`, '--no-python-downloads'],
    options(env, signal),
  )
  return said.status === 0 ? ask(said.stdout.trim(), env, signal) : undefined
}

const options = (env: Env, signal: AbortSignal | undefined) => ({
  env,
  timeoutMs: probeTimeoutMs,
  ...(signal === undefined ? {} : { signal }),
})
