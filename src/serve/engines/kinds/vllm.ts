import { Failure } from '../../../core/failure.ts'
import { adapterName } from '../adapter-name.ts'
import { engineEnvironment } from '../command.ts'
import type { EngineRow } from '../engine.ts'
import type { Ask, Command, CommandFacts, EngineKind } from './kind.ts'
import { flags, gpuShare, servedName } from './words.ts'
import { findProgram } from './programs.ts'

/** vLLM, as `vllm serve` of 0.31 and later starts it. */
export const vllm: EngineKind = {
  id: 'vllm',
  about: 'vLLM. Folders of safetensors.',
  install: '`uv tool install vllm` brings it: Linux, with accelerators or a build for the CPU.',
  // As many as it takes where nobody says.
  defaults: { context: 0, slots: 256 },
  takes: ['context', 'template', 'extraArgs', 'adapters'],
  takesWholeGpus: true,
  speaks: (row, adapter) => ({
    preset: 'vllm',
    ...(adapter !== undefined && { model: adapterName(row.row, adapter) }),
  }),
  find: async (search) => {
    const program = await findProgram(vllm, ['vllm'], search)
    return { path: program, command: (row, facts) => command(program, row, facts), prepare: loadAdapters }
  },
  health: () => '/health',
  proof: '/v1/models',
  metrics: {
    path: '/metrics',
    running: ['vllm:num_requests_running'],
    waiting: ['vllm:num_requests_waiting'],
    cacheUse: ['vllm:kv_cache_usage_perc', 'vllm:gpu_cache_usage_perc'],
  },
  // It ends its workers, which give the accelerators back.
  graceMs: 15_000,
}

const command = (program: string, row: EngineRow, facts: CommandFacts): Command => ({
  argv: [program, 'serve', row.modelPath, ...words(row, facts), ...(row.extraArgs ?? [])],
  env: {
    ...engineEnvironment(facts.env),
    ...quiet,
    VLLM_API_KEY: facts.apiKey,
    ...(row.adapters && { VLLM_ALLOW_RUNTIME_LORA_UPDATING: 'True' }),
  },
  url: `http://127.0.0.1:${facts.port}`,
})

/** One by one, so that it is known which of them it does not take. */
const loadAdapters = async (row: EngineRow, _: CommandFacts, ask: Ask): Promise<void> => {
  for (const [name, { path }] of Object.entries(row.adapters ?? {})) {
    const lora = { lora_name: adapterName(row.row, name), lora_path: path }
    const { status } = await ask('/v1/load_lora_adapter', lora)
    if (status !== 200)
      throw new Failure('engine_failed', `vLLM did not take the adapter ${name} of ${row.row} (${status}).`)
  }
}

const words = (row: EngineRow, facts: CommandFacts): string[] => [
  ...flags({
    '--host': '127.0.0.1',
    '--port': facts.port,
    '--served-model-name': servedName(row),
    '--max-num-seqs': row.slots,
    '--max-model-len': row.context === 0 ? undefined : row.context,
    '--tensor-parallel-size': (facts.devices?.length ?? 0) > 1 ? facts.devices?.length : undefined,
    '--gpu-memory-utilization': gpuShare(row, facts.devices),
    '--chat-template': row.template,
    '--max-loras': row.adapters && Object.keys(row.adapters).length,
  }),
  ...(row.adapters === undefined ? [] : ['--enable-lora']),
  // Cached tokens and times are for the ledger.
  '--enable-prompt-tokens-details',
  '--enable-per-request-metrics',
]

/** The model is here: nothing is looked for elsewhere, and nothing is told to anybody. */
const quiet = { HF_HUB_OFFLINE: '1', VLLM_NO_USAGE_STATS: '1', DO_NOT_TRACK: '1' } as const
