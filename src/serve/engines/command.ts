import { dirname } from 'node:path'

import { Failure } from '../../core/failure.ts'
import type { EngineProgram, EngineRow, LlamaServer, Xllamacpp } from './engine.ts'
import type { Command, CommandFacts } from './kinds/kind.ts'
import launcher from './launcher.py' with { type: 'text' }

/** The command for a program and a row. Pure. Throws `Failure('config_invalid' | 'engine_unsupported')`. */
export const engineCommand = (program: EngineProgram, row: EngineRow, facts: CommandFacts): Command =>
  program.kind === 'xllamacpp' ? pythonCommand(program, row, facts) : binaryCommand(program, row, facts)

const tokensInAll = (row: EngineRow): number => row.context * row.slots
/** In the order in which calls name them. */
const adapters = (row: EngineRow) => Object.values(row.adapters ?? {})
const pooling = (row: EngineRow): NonNullable<EngineRow['pooling']> => row.pooling ?? 'mean'

/** Prompts kept for reuse outside the model's own memory: a sixteenth of what the machine has, 8 GiB at most. */
const cacheMebibytes = (facts: CommandFacts): number =>
  Math.min(8192, Math.floor(facts.memoryBytes / 16 / 1024 ** 2))

/**
 * An embedding input must fit one physical batch. On the CPU a large one is free until it is used; on an accelerator
 * it takes memory from the model, so there the engine's own default stays.
 */
const batchTokens = (row: EngineRow): number => (row.context === 0 ? 2048 : Math.min(2048, row.context))

const pythonCommand = (program: Xllamacpp, row: EngineRow, facts: CommandFacts): Command => {
  if (row.extraArgs !== undefined) {
    throw new Failure('config_invalid', {
      message: `${row.row}: extraArgs are for a llama-server binary; this engine is the xllamacpp package.`,
      param: 'extraArgs',
    })
  }
  const threads = row.threads ?? facts.cores
  const onCpu = program.accelerator === 'cpu'
  const params = {
    model: { path: row.modelPath },
    ...(row.mmproj === undefined ? {} : { mmproj: { path: row.mmproj } }),
    n_ctx: tokensInAll(row),
    n_parallel: row.slots,
    cpuparams: { n_threads: threads },
    cpuparams_batch: { n_threads: threads },
    hostnames: ['127.0.0.1'],
    port: 0,
    api_keys: [facts.apiKey],
    cache_ram_mib: cacheMebibytes(facts),
    endpoint_metrics: true,
    ui: false,
    offline: true,
    // Measuring what fits and a first empty run make an accelerator ready; on the CPU they only take time.
    warmup: !onCpu,
    fit_params: !onCpu && row.gpuLayers === undefined,
    ...(onCpu ? { n_ubatch: batchTokens(row) } : {}),
    ...(row.gpuLayers === undefined ? {} : { n_gpu_layers: row.gpuLayers }),
    ...(row.template === undefined ? {} : { chat_template: row.template }),
    ...(row.cacheTypeK === undefined ? {} : { cache_type_k: tensorType(row.cacheTypeK) }),
    ...(row.cacheTypeV === undefined ? {} : { cache_type_v: tensorType(row.cacheTypeV) }),
    ...(adapters(row).length === 0
      ? {}
      : {
          lora_init_without_apply: true,
          lora_adapters: { list: 'CommonAdapterLoraInfo', of: adapters(row).map(({ path }) => ({ path })) },
        }),
    ...(pooling(row) === 'none'
      ? {}
      : {
          embedding: true,
          pooling_type: {
            enum: 'llama_pooling_type',
            name: `LLAMA_POOLING_TYPE_${pooling(row).toUpperCase()}`,
          },
        }),
  }
  const bootstrap = 'import os; exec(os.environ.pop("INHOUSE_LAUNCHER"))'
  return {
    argv: [program.python, '-I', '-S', '-c', bootstrap, 'inhouse-engine', row.row],
    env: {
      ...engineEnvironment(facts.env),
      INHOUSE_LAUNCHER: launcher,
      INHOUSE_ENGINE: JSON.stringify({ folder: program.folder, name: row.row, params, olderNames }),
    },
    url: undefined,
  }
}

/** What a parameter was called in earlier versions of the package. */
const olderNames = { hostnames: 'hostname', ui: 'webui' } as const

/** What the package's parameters must know, `|` between two names: a version without them cannot be run as we run it. */
export const neededParams: readonly string[] = [
  `hostnames|${olderNames.hostnames}`,
  `ui|${olderNames.ui}`,
  ...'model mmproj n_ctx n_parallel cpuparams cpuparams_batch port api_keys cache_ram_mib'.split(' '),
  ...'endpoint_metrics offline warmup fit_params n_ubatch n_gpu_layers chat_template'.split(' '),
  ...'cache_type_k cache_type_v embedding pooling_type model_alias lora_adapters lora_init_without_apply'.split(
    ' ',
  ),
]

const tensorType = (name: string) => ({ enum: 'ggml_type', name: `GGML_TYPE_${name.toUpperCase()}` })

/** Without these a binary cannot be run as we run it. */
export const neededFlags = ['--ctx-size', '--parallel', '--api-key', '--embeddings', '--pooling'] as const

const binaryCommand = (program: LlamaServer, row: EngineRow, facts: CommandFacts): Command => {
  const given: readonly (readonly [string, string | number | undefined])[] = [
    ['--model', row.modelPath],
    ['--alias', row.row],
    ['--mmproj', row.mmproj],
    ['--ctx-size', tokensInAll(row)],
    ['--parallel', row.slots],
    ['--threads', row.threads ?? facts.cores],
    ['--n-gpu-layers', row.gpuLayers],
    ['--cache-type-k', row.cacheTypeK],
    ['--cache-type-v', row.cacheTypeV],
    ['--chat-template', row.template],
    ['--cache-ram', program.flags.has('--cache-ram') ? cacheMebibytes(facts) : undefined],
    [
      '--lora',
      adapters(row).length === 0
        ? undefined
        : adapters(row)
            .map(({ path }) => path)
            .join(','),
    ],
    ['--pooling', pooling(row) === 'none' ? undefined : pooling(row)],
    ['--host', '127.0.0.1'],
    ['--port', facts.port],
  ]
  // `--jinja` must stand before a template of one's own.
  const switches = ['--jinja', '--metrics', '--offline', '--no-webui'].filter((flag) =>
    program.flags.has(flag),
  )
  return {
    argv: [
      program.path,
      ...switches,
      ...(pooling(row) === 'none' ? [] : ['--embeddings']),
      ...(adapters(row).length === 0 ? [] : ['--lora-init-without-apply']),
      ...given.flatMap(([flag, value]) => (value === undefined ? [] : [flag, String(value)])),
      ...(row.extraArgs ?? []),
    ],
    env: { ...withLibraries(program.path, engineEnvironment(facts.env)), LLAMA_API_KEY: facts.apiKey },
    url: `http://127.0.0.1:${facts.port}`,
  }
}

/** Release archives have the libraries beside the binary. */
export const withLibraries = (
  binary: string,
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> => {
  const others = env['LD_LIBRARY_PATH']
  return { ...env, LD_LIBRARY_PATH: [dirname(binary), ...(others === undefined ? [] : [others])].join(':') }
}

/** What an engine needs of our environment: where things are, and which devices it may use. No keys, no proxies. */
export const engineEnvironment = (env: CommandFacts['env']): Record<string, string> =>
  Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      value !== undefined && passes.test(name) ? [[name, value]] : [],
    ),
  )

const passes =
  /^(?:PATH|HOME|USER|TMPDIR|TMP|TEMP|SYSTEMROOT|XDG_CACHE_HOME|LANG|LC_\w+|(?:LD|DYLD)_LIBRARY_PATH|(?:CUDA|NVIDIA|HIP|HSA|ROCR|ROCM|GPU|GGML|VK|OMP|GOMP|MTL|METAL)_\w+)$/
