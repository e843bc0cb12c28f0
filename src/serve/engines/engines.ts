import type { EngineOpener } from '../../core/backend.ts'
import type { Clock } from '../../core/clock.ts'
import { Failure } from '../../core/failure.ts'
import type { EngineProgram, EngineRow, EngineSettings, Log, Measured, RowStatus } from './engine.ts'
import { findEngine } from './find.ts'
import { askLocal } from './local.ts'
import { readMachine, type Machine } from './machine.ts'
import { startEngine } from './process.ts'
import { Supervisor } from './supervisor.ts'

export interface EnginesStatus {
  readonly rows: readonly RowStatus[]
  /** The engine in use; undefined until a model was asked for. */
  readonly program: EngineProgram | undefined
  /** What the models run on, for people: `AMD EPYC, 2 cores`. */
  readonly device: string | undefined
}

/** Our own engines. */
export interface Engines extends EngineOpener {
  /** Loads on first use, waits its turn. See `Supervisor.open` for the failures. */
  open: Supervisor['open']
  status(): EnginesStatus
  /** One short generation, which also makes the model warm. Rejects as `open`. */
  measure(row: string, signal: AbortSignal): Promise<Measured>
  reconfigure(rows: readonly EngineRow[], settings: EngineSettings): void
  stop(): Promise<void>
}

export interface EnginesParts {
  readonly home: string
  readonly settings: EngineSettings
  readonly rows: readonly EngineRow[]
  readonly clock: Clock
  readonly log: Log
}

/** Nothing is looked for and nothing starts before a model is asked for. */
export const createEngines = ({ home, clock, log, ...initial }: EnginesParts): Engines => {
  let { settings } = initial
  let found: Promise<Found> | undefined
  let known: Found | undefined
  const measured = new Map<string, Measured>()
  const speedOf = (row: string): { readonly measured?: Measured } => {
    const speed = measured.get(row)
    return speed === undefined ? {} : { measured: speed }
  }

  /** Looked for again after a failure: it may have been installed meanwhile. */
  const find = (): Promise<Found> => {
    found ??= search(home, settings).then(
      (result) => (known = result),
      (error: unknown) => {
        found = undefined
        throw error
      },
    )
    return found
  }

  const supervisor = new Supervisor(settings, initial.rows, {
    clock,
    log,
    start: async (row, signal) =>
      startEngine({ home, ...(await find()), row, timeoutMs: settings.startTimeoutMs, signal }),
  })

  return {
    open: (row, signal) => supervisor.open(row, signal),
    status: () => ({
      rows: supervisor.status().map((row) => Object.assign(row, speedOf(row.row))),
      program: known?.program,
      device: known && deviceName(known),
    }),
    measure: async (row, signal) => {
      const opening = await supervisor.open(row, signal)
      try {
        const speed = await generate(opening, signal)
        measured.set(row, speed)
        return speed
      } finally {
        opening.close()
      }
    },
    reconfigure: (rows, changed) => {
      const other =
        changed.llamaServer !== settings.llamaServer || changed.accelerator !== settings.accelerator
      settings = changed
      if (other) found = known = undefined
      measured.clear()
      supervisor.reconfigure(settings, rows, other)
    },
    stop: () => supervisor.stop(),
  }
}

interface Found {
  readonly machine: Machine
  readonly program: EngineProgram
}

const search = async (home: string, settings: EngineSettings): Promise<Found> => {
  const machine = await readMachine()
  return { machine, program: await findEngine({ home, settings, machine, env: process.env }) }
}

/** What the models run on, for people. */
export const deviceName = ({ machine, program }: Found): string => {
  const cpu = `${machine.cpu}, ${machine.cores} ${machine.cores === 1 ? 'core' : 'cores'}`
  if (program.accelerator === 'cpu') return cpu
  if (program.accelerator === 'unknown') return `${cpu}, and what ${program.path} can use`
  const gpus = machine.gpus.map((gpu) => gpu.name).join(', ')
  return gpus === '' ? `${cpu} (${program.accelerator})` : `${gpus} (${program.accelerator})`
}

const sample = { prompt: 'The quick brown fox jumps over the lazy dog. '.repeat(8), n_predict: 32 }

const generate = async (
  { url, headers }: { readonly url: string; readonly headers: Readonly<Record<string, string>> },
  signal: AbortSignal,
): Promise<Measured> => {
  const body = JSON.stringify({ ...sample, temperature: 0, ignore_eos: true, cache_prompt: false })
  const asking = {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body,
  } as const
  const answer = await askLocal(`${url}/completion`, { ...asking, timeoutMs: 120_000, signal }).catch(
    (cause: unknown) => {
      signal.throwIfAborted()
      throw new Failure('engine_failed', 'The engine did not answer.', { cause })
    },
  )
  const speed = speedIn(answer.text)
  if (speed !== undefined) return speed
  throw new Failure('engine_failed', `The engine answered ${answer.status} without its timings.`)
}

const speedIn = (text: string): Measured | undefined => {
  try {
    const { timings } = JSON.parse(text) as { timings: Record<string, unknown> }
    const { prompt_per_second: prompt, predicted_per_second: output } = timings
    if (typeof prompt !== 'number' || typeof output !== 'number') return undefined
    return { promptTokensPerSecond: prompt, outputTokensPerSecond: output }
  } catch {
    return undefined
  }
}
