import type { Failure } from '../../core/failure.ts'

/** What the arithmetic runs on. `metal` comes with the macOS wheels, `cpu` with all others. */
export const accelerators = ['cpu', 'cuda', 'rocm', 'vulkan', 'metal'] as const
export type Accelerator = (typeof accelerators)[number]

/** A program that can serve a model: a llama-server binary, or the same server inside a Python package. */
export type EngineProgram = LlamaServer | Xllamacpp

export interface LlamaServer {
  readonly kind: 'llama-server'
  readonly version: string
  /** Absolute path of the binary. */
  readonly path: string
  /** What it says that it understands (`--ctx-size` …), from its own help. */
  readonly flags: ReadonlySet<string>
  readonly accelerator: Accelerator | 'unknown'
}

export interface Xllamacpp {
  readonly kind: 'xllamacpp'
  readonly version: string
  /** Where the package is unpacked. */
  readonly folder: string
  /** Absolute path of the interpreter. */
  readonly python: string
  readonly accelerator: Accelerator
}

/** A row of `models` that runs here. */
export interface EngineRow {
  /** The name in `models`; names the log file too. */
  readonly row: string
  /** A GGUF file. */
  readonly modelPath: string
  /** Tokens that one request may use, prompt and answer together. 0: as many as the model was trained with. */
  readonly context: number
  /** Requests answered at once. Each has its own `context`. */
  readonly slots: number
  /** CPU threads; left out: one for each physical core that we may use. */
  readonly threads?: number
  /** Layers put on the accelerator; left out: as many as fit. */
  readonly gpuLayers?: number
  /** The image part of a model that sees. */
  readonly mmproj?: string
  /** A Jinja chat template instead of the model's own. */
  readonly template?: string
  /** `f16`, `q8_0` …: how the context is kept in memory. */
  readonly cacheTypeK?: string
  readonly cacheTypeV?: string
  /** How token vectors become one embedding; `none` turns embeddings off. Mean if left out. */
  readonly pooling?: 'mean' | 'cls' | 'last' | 'none'
  /** Command-line words for a llama-server binary, put last. */
  readonly extraArgs?: readonly string[]
  /** Never unloaded to make room, nor for being idle. */
  readonly pinned?: boolean
  /** What it takes of `memoryBytes`; the size of its files if left out. */
  readonly memoryBytes?: number
}

/** The `engines` part of the config. */
export interface EngineSettings {
  /** A llama-server binary of the user's own. */
  readonly llamaServer?: string
  /** Which of our own installations; `auto`: what the hardware asks for, of those that are installed. */
  readonly accelerator: 'auto' | Accelerator
  /** Models loaded at once. */
  readonly maxLoaded: number
  /** Bytes that all loaded models together may take. */
  readonly memoryBytes?: number
  /** Unload what nobody has used for so long; 0: never. */
  readonly idleMs: number
  /** A model must be ready to answer in this time. */
  readonly startTimeoutMs: number
  /** Later requests for a loaded model that may go before one that needs a swap. */
  readonly patience: number
  /** Wait before the second try; doubled for each more. */
  readonly backoffMs: number
  /** After three failures in a row: how long the row rests. */
  readonly restMs: number
}

export const defaultEngineSettings: EngineSettings = {
  accelerator: 'auto',
  maxLoaded: 2,
  idleMs: 15 * 60_000,
  startTimeoutMs: 10 * 60_000,
  patience: 16,
  backoffMs: 500,
  restMs: 30_000,
}

/** The calls of a pino logger that engines make. */
export interface Log {
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
}

export type RowState = 'unloaded' | 'loading' | 'ready' | 'stopping' | 'failed'

/** Speed of one short generation, from the engine's own clock. */
export interface Measured {
  readonly promptTokensPerSecond: number
  readonly outputTokensPerSecond: number
}

export interface RowStatus {
  readonly row: string
  readonly state: RowState
  readonly slots: number
  readonly inUse: number
  readonly waiting: number
  /** Milliseconds that the last start took. */
  readonly loadMs?: number
  readonly measured?: Measured
  /** Why it does not run; tried again after a rest, or when asked. */
  readonly failure?: Failure
}
