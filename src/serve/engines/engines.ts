import type { EngineOpener } from '../../core/backend.ts'
import type { Clock } from '../../core/clock.ts'
import { Failure } from '../../core/failure.ts'
import type { EngineProgram, EngineRow, EngineSettings, Log, Measured, RowStatus } from './engine.ts'
import { devicesOf } from './devices.ts'
import { adapterName } from './adapter-name.ts'
import { engineKindOf } from './kinds/index.ts'
import type { EngineKind, Program } from './kinds/kind.ts'
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
  speaks: Required<EngineOpener>['speaks']
  slotsOf: Required<EngineOpener>['slotsOf']
  status(): EnginesStatus
  /** One short generation, which also makes the model warm. Rejects as `open`, and where the engine tells no times. */
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
  let asked = namesOf(initial.rows)
  let machine: Machine | undefined
  const programs = new Map<string, Promise<Program>>()
  let llamaCpp: EngineProgram | undefined
  const measured = new Map<string, Measured>()
  const speedOf = (row: string): { readonly measured?: Measured } => {
    const speed = measured.get(row)
    return speed === undefined ? {} : { measured: speed }
  }

  const machineHere = async (): Promise<Machine> => (machine ??= await readMachine())

  /** Looked for again after a failure: it may have been installed meanwhile. */
  const find = (kind: EngineKind): Promise<Program> => {
    const known = programs.get(kind.id)
    if (known !== undefined) return known
    const found = machineHere().then((here) => kind.find({ home, settings, machine: here, env: process.env }))
    programs.set(kind.id, found)
    found.then(
      ({ llamaCpp: it }) => (llamaCpp = it ?? llamaCpp),
      () => programs.delete(kind.id),
    )
    return found
  }

  const supervisor = new Supervisor(settings, initial.rows, {
    clock,
    log,
    devices: () => (machine === undefined ? [] : devicesOf(machine, process.env)),
    start: async (row, devices, signal) => {
      const kind = engineKindOf(row.engine)
      const program = await find(kind)
      const timeoutMs = row.startTimeoutMs ?? settings.startTimeoutMs
      return startEngine({
        home,
        kind,
        program,
        row,
        machine: await machineHere(),
        devices,
        timeoutMs,
        signal,
      })
    },
  })

  const open: Engines['open'] = async (name, signal) => {
    const { row } = asked.get(name) ?? {}
    if (row?.gpus !== undefined) await machineHere()
    return supervisor.open(row?.row ?? name, signal)
  }

  return {
    open,
    speaks: (name) => {
      const { row, adapter } = asked.get(name) ?? {}
      return row && engineKindOf(row.engine).speaks(row, adapter)
    },
    slotsOf: (name) => asked.get(name)?.row.slots,
    status: () => ({
      rows: supervisor.status().map((row) => Object.assign(row, speedOf(row.row))),
      program: llamaCpp,
      device: machine && deviceName(machine, llamaCpp),
    }),
    measure: async (row, signal) => {
      const opening = await open(row, signal)
      try {
        const speed = await generate(opening, signal)
        measured.set(row, speed)
        return speed
      } finally {
        opening.close()
      }
    },
    reconfigure: (rows, changed) => {
      const other = programKeys.some((key) => !Bun.deepEquals(changed[key], settings[key]))
      settings = changed
      asked = namesOf(rows)
      if (other) {
        programs.clear()
        llamaCpp = undefined
      }
      measured.clear()
      supervisor.reconfigure(settings, rows, other)
    },
    stop: () => supervisor.stop(),
  }
}

/** What decides which programs run. */
const programKeys = ['llamaServer', 'accelerator', 'programs'] as const

interface Asked {
  readonly row: EngineRow
  readonly adapter: string | undefined
}

/** Each row by its name, and by that of each of its adapters. */
const namesOf = (rows: readonly EngineRow[]): ReadonlyMap<string, Asked> =>
  new Map(
    rows.flatMap((row): [string, Asked][] => [
      ...Object.keys(row.adapters ?? {}).map((adapter): [string, Asked] => [
        adapterName(row.row, adapter),
        { row, adapter },
      ]),
      [row.row, { row, adapter: undefined }],
    ]),
  )

/** What the models run on, for people. */
const deviceName = (machine: Machine, program: EngineProgram | undefined): string => {
  const cpu = `${machine.cpu}, ${machine.cores} ${machine.cores === 1 ? 'core' : 'cores'}`
  const gpus = machine.gpus.map((gpu) => gpu.name).join(', ')
  if (program === undefined) return gpus === '' ? cpu : gpus
  if (program.accelerator === 'cpu') return cpu
  if (program.accelerator === 'unknown') return `${cpu}, and what ${program.path} can use`
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
