import { Failure, asFailure } from '../core/failure.ts'
import type { Settings } from '../config/schema.ts'
import type { ModelFacts } from '../core/model-facts.ts'
import { localFacts } from './model-facts.ts'
import { withAdapters } from './adapter-rows.ts'
import { defined } from './defined.ts'
import { runKeys } from '../config/model-row.ts'
import type { OnProgress } from '../install/progress.ts'
import type { Model, Models } from '../models/model.ts'
import { kindOf } from '../serve/backends/index.ts'
import { defaultEngineSettings, type EngineRow, type EngineSettings } from '../serve/engines/engine.ts'
import type { Engines } from '../serve/engines/engines.ts'
import { findEngine } from '../serve/engines/find.ts'
import { engineKindOf, type EngineKind } from '../serve/engines/kinds/index.ts'
import { firstAccelerator } from '../serve/engines/installation.ts'
import { installEngine } from '../serve/engines/install.ts'
import { readMachine } from '../serve/engines/machine.ts'

type Row = Settings['models'][string]

/** A model that is on this machine. */
interface Known {
  readonly facts: ModelFacts
  /** Milliseconds since the epoch. */
  readonly pulledAt: number
}

export interface LocalModelsParts {
  readonly home: string
  readonly models: Models
  readonly engines: Engines
  readonly env: Readonly<Record<string, string | undefined>>
  readonly onProgress: OnProgress
}

/**
 * The models that run on this machine: brings what the config names and is not here yet, tells the engines, and loads
 * the first. A row that cannot be had is left out with its reason; the others are served.
 */
export class LocalModels {
  readonly #parts: LocalModelsParts
  readonly #troubles = new Map<string, Failure>()
  readonly #known = new Map<string, Known>()
  /** Rows that are being brought. */
  readonly #coming = new Set<string>()
  #life = new AbortController()

  constructor(parts: LocalModelsParts) {
    this.#parts = parts
  }

  /** Why a row is not served, if it is not. */
  trouble(row: string): Failure | undefined {
    return this.#troubles.get(row)
  }

  /** What is known of a row's model, when it is here. */
  known(row: string): Known | undefined {
    return this.#known.get(row)
  }

  isComing(row: string): boolean {
    return this.#coming.has(row)
  }

  /** Resolves when all that can be had is here and the first model answers. Rejects only when aborted. */
  async follow(config: Settings): Promise<void> {
    this.#life.abort()
    this.#life = new AbortController()
    const { signal } = this.#life
    this.#troubles.clear()
    this.#coming.clear()
    this.#known.clear()
    const wanted = managedRows(config)
    for (const [name] of wanted) this.#coming.add(name)
    const ours = new Set(wanted.filter(([, row]) => kindOfEngine(row).isInstalled).map(([name]) => name))
    const engine = ours.size === 0 ? undefined : this.#bringEngine(config, signal).catch(asFailure)
    const ready: EngineRow[] = []
    for (const [name, row] of wanted) {
      try {
        ready.push(await this.#engineRow(name, row, config.offline, signal))
      } catch (thrown) {
        // Given up for a newer config: what went wrong here says nothing of its models.
        signal.throwIfAborted()
        this.#troubles.set(name, asFailure(thrown))
      }
      signal.throwIfAborted()
    }
    // All at once: a row that is missing for a moment would be unloaded.
    this.#parts.engines.reconfigure(ready, engineSettings(config))
    const missing = await engine
    signal.throwIfAborted()
    if (missing instanceof Failure)
      for (const { row } of ready) if (ours.has(row)) this.#troubles.set(row, missing)
    await this.#load(ready.find(({ row }) => !this.#troubles.has(row))?.row, signal)
    signal.throwIfAborted()
    this.#coming.clear()
  }

  stop(): void {
    this.#life.abort()
  }

  async #bringEngine(config: Settings, signal: AbortSignal): Promise<void> {
    const { home, env, onProgress } = this.#parts
    const machine = await readMachine()
    try {
      await findEngine({ home, settings: engineSettings(config), machine, env })
    } catch (thrown) {
      const failure = asFailure(thrown)
      if (failure.code !== 'engine_missing') throw thrown
      if (config.offline)
        throw whileOffline(
          failure,
          '`inhouse engines install --from FILE` brings one that is on this machine',
        )
      const accelerator = firstAccelerator(config.engines.accelerator, machine)
      await installEngine({ home, machine, env, onProgress, signal, accelerator })
    }
  }

  async #engineRow(name: string, row: Row, offline: boolean, signal: AbortSignal): Promise<EngineRow> {
    const { context, slots } = kindOfEngine(row).defaults
    const { id: engine } = kindOfEngine(row)
    const said = { row: name, engine, context, slots, ...forEngine(row), ...defined({ model: row.model }) }
    // Its engine has the model itself.
    if (row.source === undefined) return { ...said, modelPath: '' }
    const model = await this.#bring(row.source, offline, signal)
    const known = { facts: localFacts(model, row), pulledAt: model.pulledAt }
    for (const each of Object.keys(withAdapters({ [name]: row }))) this.#known.set(each, known)
    // The image part that came with the model; a file that the row names counts more.
    const mmproj = model.files.find(({ role }) => role === 'projector')?.path
    return { ...defined({ mmproj }), ...said, modelPath: model.path }
  }

  #bring(source: string, offline: boolean, signal: AbortSignal): Promise<Model> {
    const { models, onProgress } = this.#parts
    return models.resolve(source).catch((thrown: unknown) => {
      const failure = asFailure(thrown)
      if (failure.code !== 'model_missing') throw thrown
      if (offline) throw whileOffline(failure, '`source: file:/PATH` takes one that is on this machine')
      return models.pull(source, { onProgress, signal })
    })
  }

  async #load(row: string | undefined, signal: AbortSignal): Promise<void> {
    if (row === undefined) return
    try {
      const opening = await this.#parts.engines.open(row, signal)
      opening.close()
    } catch (thrown) {
      signal.throwIfAborted()
      const failure = asFailure(thrown)
      // Clients are told without paths; the person who starts the program is told all.
      this.#troubles.set(row, failure.cause instanceof Failure ? failure.cause : failure)
    }
  }
}

/** What is missing would be brought, but nothing may be. */
const whileOffline = ({ code, message }: Failure, otherwise: string): Failure =>
  new Failure(code, {
    message: `${message.replace(/\.$/, '')}, and while offline nothing is downloaded.`,
    help: `Start it once with a network and without \`offline\` (INHOUSE_OFFLINE); or ${otherwise}.`,
  })

const runsModels = (row: Settings['backends'][string] | undefined): boolean =>
  row !== undefined && kindOf(row).runsModels === true

const kindOfEngine = (row: Row): EngineKind => engineKindOf(row.engine)

/** What a row says to its engine, in the engine's own words. */
const forEngine = (row: Row): Partial<EngineRow> => {
  const said = runKeys.filter((key) => key !== 'source' && row[key] !== undefined)
  return Object.fromEntries(said.map((key) => [key, row[key]]))
}

/** The rows of `models` that our own engines run, in the order of the config. */
export const managedRows = (config: Settings): [name: string, row: Row][] =>
  Object.entries(config.models).filter(
    ([, row]) => row.backend !== undefined && runsModels(config.backends[row.backend]),
  )

export const engineSettings = ({ engines }: Settings): EngineSettings => ({
  ...defaultEngineSettings,
  accelerator: engines.accelerator,
  maxLoaded: engines.maxLoaded,
  idleMs: engines.idleUnloadMs,
  startTimeoutMs: engines.startTimeoutMs,
  maxWaiting: engines.maxWaiting,
  ...defined({
    llamaServer: engines.llamaServer,
    memoryBytes: engines.memoryBytes,
    gpuMemoryBytes: engines.gpuMemoryBytes,
  }),
  ...(engines.programs && { programs: defined(engines.programs) }),
})
