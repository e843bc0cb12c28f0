import type { Speaks } from '../../../core/backend.ts'
import type { Device } from '../devices.ts'
import type { EngineProgram, EngineRow, EngineSettings } from '../engine.ts'
import type { LocalAnswer } from '../local.ts'
import type { Machine } from '../machine.ts'
import type { MetricNames } from '../metrics.ts'

/** How to start an engine. Secrets are in the environment, never among the words that `ps` shows. */
export interface Command {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Where it will listen; undefined: it prints `{"url": …}` on its standard output. */
  readonly url: string | undefined
}

export interface CommandFacts {
  /** What it must ask of its callers, where it can. */
  readonly apiKey: string
  /** A free port, for programs that cannot choose one. */
  readonly port: number
  readonly cores: number
  readonly memoryBytes: number
  /** Accelerators of its own; undefined: it sees all that there are. */
  readonly devices: readonly Device[] | undefined
  /** Where this engine may keep files. */
  readonly folder: string
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Where programs are looked for. */
export interface Search {
  readonly home: string
  readonly settings: Pick<EngineSettings, 'llamaServer' | 'accelerator' | 'programs'>
  readonly machine: Machine
  readonly env: Readonly<Record<string, string | undefined>>
}

/** A small call to an engine that has just come up, with its key. */
export type Ask = (path: string, body: object) => Promise<LocalAnswer>

/** A program of a kind, as it was found here. */
export interface Program {
  /** Which llama.cpp it is, if it is one. */
  readonly llamaCpp?: EngineProgram
  /** Where it stands. */
  readonly path?: string
  /** Pure. Throws `Failure('config_invalid' | 'engine_unsupported')`. */
  command(row: EngineRow, facts: CommandFacts): Command
  /** What is still to do before the first request. Throws `Failure('engine_failed')`. */
  prepare?(row: EngineRow, facts: CommandFacts, ask: Ask, signal: AbortSignal): Promise<void>
}

/** What not every kind of engine can be told. */
export type RowKey =
  | 'context'
  | 'threads'
  | 'gpuLayers'
  | 'mmproj'
  | 'template'
  | 'cacheTypeK'
  | 'cacheTypeV'
  | 'pooling'
  | 'extraArgs'
  | 'command'
  | 'adapters'

/** A kind of engine: one file each. */
export interface EngineKind {
  readonly id: string
  /** What it is, in one line. */
  readonly about: string
  /** Used where the row says nothing. `context` 0: as many tokens as the model was trained with. */
  readonly defaults: { readonly context: number; readonly slots: number }
  /** What a row may tell it, besides `source`, `slots`, `gpus`, `env` and what is for us alone. */
  readonly takes: readonly RowKey[]
  /** What a row must tell it. */
  readonly needs?: readonly RowKey[]
  /** inhouse installs it where it is missing. */
  readonly isInstalled?: true
  /** How people get its program, where inhouse does not bring it. */
  readonly install?: string
  /** Words with which its program ends with 0 if what it needs is there too; quick. */
  readonly selfTest?: readonly string[]
  /** The program that a row names for itself. */
  programOf?(row: Pick<EngineRow, 'command'>): string | undefined
  /** It can have its models itself: a row needs no `source`. */
  readonly bringsModels?: true
  /** It takes all memory of its accelerators, unless its row says how much. */
  readonly takesWholeGpus?: true
  /** How its row is asked, and each of its adapters. Pure. */
  speaks(row: EngineRow, adapter: string | undefined): Speaks
  /** Throws `Failure('engine_missing' | 'engine_unsupported')`. */
  find(search: Search): Promise<Program>
  /** The path that answers 200 once the model is loaded, without a key. */
  health(row: EngineRow): string
  /** A path that answers 200 to our key alone, or at least to no other program. */
  readonly proof?: string
  readonly metrics?: MetricNames
  /** How long it may take to end by itself. */
  readonly graceMs: number
}
