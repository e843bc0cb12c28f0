import type { Settings } from '../../config/index.ts'
import { engineSettings, managedRows } from '../../app/local-models.ts'
import { asFailure, Failure } from '../../core/failure.ts'
import { findPython, type Python } from '../../install/python.ts'
import { run } from '../../install/run.ts'
import { parseSource } from '../../models/sources/index.ts'
import { openModels } from '../../models/store.ts'
import type { EngineProgram } from '../../serve/engines/engine.ts'
import { findEngine } from '../../serve/engines/find.ts'
import type { Machine } from '../../serve/engines/machine.ts'
import { xllamacpp } from '../../serve/engines/xllamacpp.ts'
import { bytesText } from '../print.ts'
import { engineKindOf } from '../../serve/engines/kinds/index.ts'
import { fail, failed, ok, type Check } from './check.ts'
import { checkOtherEngines } from './other-engines.ts'

/** What is looked at, and where. */
export interface Place {
  readonly home: string
  readonly config: Settings
  readonly machine: Machine
  readonly env: Readonly<Record<string, string | undefined>>
}

const networkMs = 15_000

/** What runs models on this machine: the engines, each model, and what it takes to bring those that are not here. */
export const checkLocalModels = async (place: Place): Promise<Check[]> => {
  const rows = managedRows(place.config)
  if (rows.length === 0) return [ok('engine', 'none needed: no model of the config runs on this machine')]
  const isOurs = rows.some(([, row]) => engineKindOf(row.engine).isInstalled)
  const [engine, others, models] = await Promise.all([
    isOurs ? checkEngine(place) : nothing,
    checkOtherEngines(place, rows),
    Promise.all(
      rows.flatMap(([name, { source }]) => (source === undefined ? [] : [checkModel(place, name, source)])),
    ),
  ])
  const packages = [...engine.packages, ...models.flatMap((model) => model.packages)]
  return [
    ...engine.checks,
    ...others,
    ...models.flatMap(({ checks }) => checks),
    ...(await checkPackages(place, packages)),
  ]
}

/** Findings, and the packages that the first start would fetch. */
interface Found {
  readonly checks: readonly Check[]
  readonly packages: readonly string[]
}

const nothing: Found = { checks: [], packages: [] }

const offlineHelp =
  'inhouse is set to `offline: true`: bring it on a file, or unset it in the config or INHOUSE_OFFLINE.'

const checkEngine = async (place: Place): Promise<Found> => {
  const found = await findEngine({ ...place, settings: engineSettings(place.config) }).catch(asFailure)
  if (!(found instanceof Failure)) return { checks: [await checkProgram(found)], packages: [] }
  if (found.code !== 'engine_missing' || place.config.engines.llamaServer !== undefined)
    return { checks: [failed('engine', found)], packages: [] }
  if (place.config.offline) return { checks: [fail('engine', found.message, offlineHelp)], packages: [] }
  return { checks: [ok('engine', 'not here yet; the first start brings it')], packages: [xllamacpp.name] }
}

/** That it starts: a system that was updated may have lost what it needs. */
const checkProgram = async (program: EngineProgram): Promise<Check> => {
  if (program.kind === 'llama-server') return ok('engine', `llama-server ${program.version}, ${program.path}`)
  const script = 'import sys; sys.path.insert(0, sys.argv[1]); import xllamacpp'
  const ran = await run([program.python, '-I', '-S', '-c', script, program.folder], { timeoutMs: 60_000 })
  const name = `xllamacpp ${program.version} (${program.accelerator})`
  if (ran.status === 0) return ok('engine', `${name}, with ${program.python}`)
  const said = ran.stderr.trim().split('\n').at(-1) ?? ''
  return fail(
    'engine',
    `${name} does not start: ${said === '' ? `status ${ran.status}` : said}`,
    `Delete ${program.folder} and run \`inhouse engines install\`.`,
  )
}

const checkModel = async ({ home, config, env }: Place, name: string, source: string): Promise<Found> => {
  const what = `model ${name}`
  try {
    const model = await openModels({ home, env }).resolve(source)
    return { checks: [ok(what, `${source}, ${bytesText(model.bytes)}`)], packages: [] }
  } catch (thrown) {
    const failure = asFailure(thrown)
    if (failure.code !== 'model_missing') return { checks: [failed(what, failure)], packages: [] }
    if (config.offline && !source.startsWith('file:'))
      return { checks: [fail(what, failure.message, offlineHelp)], packages: [] }
    return checkSource(what, source, env)
  }
}

/** That its source has it. A package index is asked together for all. */
const checkSource = async (what: string, written: string, env: Place['env']): Promise<Found> => {
  try {
    const { source, reference } = parseSource(written)
    const { files } = await source.find(reference, { env }, { signal: AbortSignal.timeout(networkMs) })
    const bytes = files.reduce((sum, file) => sum + (file.bytes ?? 0), 0)
    const size = bytes === 0 ? '' : ` (${bytesText(bytes)})`
    const packages = source.scheme === 'pypi' ? [reference.rest.split('@')[0] ?? ''] : []
    return { checks: [ok(what, `${written} is not here yet; the first start brings it${size}`)], packages }
  } catch (thrown) {
    const failure =
      thrown instanceof Failure
        ? thrown
        : new Failure('network_unreachable', `${written} is not here, and its source did not answer.`, {
            cause: thrown,
          })
    return { checks: [failed(what, failure)], packages: [] }
  }
}

/** Python, pip and the index: looked at only when something must be fetched through them. */
const checkPackages = async ({ env }: Place, packages: readonly string[]): Promise<Check[]> => {
  if (packages.length === 0) return []
  const python = await findPython({ env }).catch(asFailure)
  if (python instanceof Failure) return [failed('python', python)]
  const { executable, version, installer } = python
  const asked = await Promise.all([...new Set(packages)].map((name) => askIndex(python, name, env)))
  const silent = asked.filter((check) => check !== undefined)
  const index =
    silent.length === 0 ? [ok('package index', `answers, and has ${packages.join(' and ')}`)] : silent
  return [ok('python', `${version} with ${installer.kind}, ${executable}`), ...index]
}

/** Through the user's own pip or uv, so that their mirror and proxy are what is tested. Fetches nothing. */
const askIndex = async (
  { executable, installer }: Python,
  name: string,
  env: Place['env'],
): Promise<Check | undefined> => {
  const command =
    installer.kind === 'pip'
      ? [
          executable,
          '-m',
          'pip',
          'index',
          'versions',
          name,
          '--timeout',
          '5',
          '--retries',
          '0',
          '--disable-pip-version-check',
        ]
      : [
          installer.path,
          'pip',
          'install',
          '--dry-run',
          '--no-deps',
          '--python',
          executable,
          '--target',
          '/nonexistent',
          name,
        ]
  const asked = await run(command, { env: { ...env, UV_HTTP_RETRIES: '0' }, timeoutMs: networkMs })
  if (asked.status === 0) return undefined
  return failed(
    'package index',
    new Failure(
      'network_unreachable',
      `The package index did not give ${name}, which the first start would fetch.`,
    ),
  )
}
