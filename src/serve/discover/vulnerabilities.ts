/** A mistake in an engine that lets others do harm, and is mended by now. */
export interface Vulnerability {
  readonly engine: string
  readonly id: string
  readonly about: string
  /** The first version with the mistake; left out: all before the mended one. */
  readonly since?: string
  readonly fixedIn: string
}

/** When the table was last looked through. */
export const vulnerabilitiesAsOf = '2026-11-21'

/**
 * What is known with the version that mends it; what nobody has mended cannot be told by a version and is not here.
 * Sources: the engines’ security advisories on github.com, by the ids; the two of vLLM without one from its release notes
 * as read for `docs/backends.md`.
 */
export const vulnerabilities: readonly Vulnerability[] = [
  {
    engine: 'vllm',
    id: 'release 0.31.0',
    about: 'a model’s code_revision runs code of others',
    fixedIn: '0.31.0',
  },
  { engine: 'vllm', id: 'release 0.28.0', about: 'a call can stop the server', fixedIn: '0.28.0' },
  {
    engine: 'vllm',
    id: 'CVE-2026-27893',
    about: 'code of a model runs although trust_remote_code is off',
    since: '0.10.1',
    fixedIn: '0.18.0',
  },
  {
    engine: 'vllm',
    id: 'CVE-2026-22807',
    about: 'code of a model runs while it is loaded',
    since: '0.10.1',
    fixedIn: '0.14.0',
  },
  {
    engine: 'ollama',
    id: 'CVE-2026-7482',
    about: 'a model file that is sent to it reads the server’s memory',
    fixedIn: '0.17.1',
  },
]

/** Those that this version has. None where the version is unknown, or is no row of numbers. Pure. */
export const vulnerabilitiesOf = (engine: string, version: string | undefined): readonly Vulnerability[] => {
  const numbers = version === undefined ? undefined : numbersIn(version)
  if (numbers === undefined) return []
  return vulnerabilities.filter(
    (row) =>
      row.engine === engine &&
      isBefore(numbers, numbersIn(row.fixedIn) ?? []) &&
      (row.since === undefined || !isBefore(numbers, numbersIn(row.since) ?? [])),
  )
}

/** `0.31.0rc1` and `0.31.0+cpu` count as 0.31.0. */
const numbersIn = (version: string): readonly number[] | undefined =>
  /^v?(\d+(?:\.\d+)+)/.exec(version)?.[1]?.split('.').map(Number)

const isBefore = (one: readonly number[], other: readonly number[]): boolean => {
  for (let at = 0; at < Math.max(one.length, other.length); at += 1) {
    const [a = 0, b = 0] = [one[at], other[at]]
    if (a !== b) return a < b
  }
  return false
}
