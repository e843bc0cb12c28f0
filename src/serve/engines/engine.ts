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
  /** The id of its engine's kind; llama-server if left out. */
  readonly engine?: string
  /** A GGUF file or a folder of safetensors; empty where the engine has its models itself. */
  readonly modelPath: string
  /** What its engine calls the model; the row's name if left out. */
  readonly model?: string
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
  readonly pooling?: 'mean' | 'cls' | 'last' | 'rank' | 'none'
  /** Command-line words for the engine, put last. */
  readonly extraArgs?: readonly string[]
  /** More environment for the engine. */
  readonly env?: Readonly<Record<string, string>>
  /** How an engine of no known kind is started. */
  readonly command?: OwnCommand
  /** So many accelerators, or these by number; none: the CPU alone. Left out: the engine sees all and shares them. */
  readonly gpus?: number | readonly number[]
  /** LoRA adapters by name; each is asked for as `ROW:NAME`. */
  readonly adapters?: Readonly<Record<string, Adapter>>
  /** Of the models that wait to be loaded the one with the highest comes first; 0 if left out. */
  readonly priority?: number
  /** A model must be ready in this time; the settings' if left out. */
  readonly startTimeoutMs?: number
  /** Never unloaded to make room, nor for being idle. */
  readonly pinned?: boolean
  /** What it takes of the memory; the size of its files if left out. */
  readonly memoryBytes?: number
}

/** A LoRA adapter: small changes to the weights of a model, chosen call by call. */
export interface Adapter {
  /** A GGUF file for llama.cpp, a folder for the others. */
  readonly path: string
  /** How much of it; 1 if left out. llama.cpp only. */
  readonly scale?: number
}

/** `{port}`, `{model}` and `{key}` in its words stand for what the engine is given. */
export interface OwnCommand {
  readonly run: readonly string[]
  /** The path that answers 200 once the model is loaded. */
  readonly health: string
  /** The preset whose dialect it speaks. */
  readonly speaks: string
}

/** The `engines` part of the config. */
export interface EngineSettings {
  /** A llama-server binary of the user's own. */
  readonly llamaServer?: string
  /** Programs of the other engines, by kind; left out: looked for on PATH. */
  readonly programs?: Readonly<Record<string, string>>
  /** Which of our own installations; `auto`: what the hardware asks for, of those that are installed. */
  readonly accelerator: 'auto' | Accelerator
  /** Models loaded at once. */
  readonly maxLoaded: number
  /** Bytes that all loaded models together may take, but for those with accelerators of their own. */
  readonly memoryBytes?: number
  /** Bytes that the models with accelerators of their own may take of each; all that it has if left out. */
  readonly gpuMemoryBytes?: number
  /** Requests that may wait for a model to be loaded or to have a free slot. */
  readonly maxWaiting: number
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
  maxWaiting: 256,
  idleMs: 15 * 60_000,
  startTimeoutMs: 10 * 60_000,
  patience: 32,
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

/** What an engine says of itself. */
export interface EngineLoad {
  /** Requests that it works on, and that wait inside it. */
  readonly running?: number
  readonly waiting?: number
  /** How much of its memory for contexts is in use, 0 to 1. */
  readonly cacheUse?: number
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
  /** As of a few seconds ago, where the engine says it. */
  readonly load?: EngineLoad
  /** Why it does not run; tried again after a rest, or when asked. */
  readonly failure?: Failure
}
