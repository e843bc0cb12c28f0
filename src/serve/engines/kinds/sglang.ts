import { engineEnvironment } from '../command.ts'
import type { EngineRow } from '../engine.ts'
import type { CommandFacts, EngineKind } from './kind.ts'
import { findProgram } from './programs.ts'
import { flags, gpuShare, servedName } from './words.ts'

/** SGLang takes its key on the command line alone, where `ps` would show it: it is put there inside the process. */
const bootstrap = `import os, runpy, sys
sys.argv += ["--api-key", os.environ.pop("INHOUSE_ENGINE_KEY")]
runpy.run_module("sglang.launch_server", run_name="__main__", alter_sys=True)`

/** SGLang 0.5, started by the Python that it is installed in. */
export const sglang: EngineKind = {
  id: 'sglang',
  about: 'SGLang; its program is the Python that it is installed in. Folders of safetensors.',
  install:
    '`uv venv sglang && uv pip install --python sglang sglang` brings it; its program is then `sglang/bin/python`.',
  selfTest: ['-c', 'import importlib.util as u, sys; sys.exit(u.find_spec("sglang") is None)'],
  defaults: { context: 0, slots: 256 },
  takes: ['context', 'template', 'extraArgs', 'adapters'],
  takesWholeGpus: true,
  // Its own way to name an adapter.
  speaks: (row, adapter) => ({
    preset: 'sglang',
    ...(adapter !== undefined && { model: `${servedName(row)}:${adapter}` }),
  }),
  find: async (search) => {
    const python = await findProgram(sglang, ['python3', 'python'], search)
    return {
      path: python,
      command: (row, facts) => ({
        argv: [python, '-c', bootstrap, ...words(row, facts), ...(row.extraArgs ?? [])],
        env: { ...engineEnvironment(facts.env), HF_HUB_OFFLINE: '1', INHOUSE_ENGINE_KEY: facts.apiKey },
        url: `http://127.0.0.1:${facts.port}`,
      }),
    }
  },
  health: () => '/health',
  proof: '/v1/models',
  metrics: {
    path: '/metrics',
    running: ['sglang:num_running_reqs', 'sglang_num_running_reqs'],
    waiting: ['sglang:num_queue_reqs', 'sglang_num_queue_reqs'],
    cacheUse: ['sglang:token_usage', 'sglang_token_usage'],
  },
  graceMs: 15_000,
}

const words = (row: EngineRow, { port, devices }: CommandFacts): string[] => {
  const adapters = Object.entries(row.adapters ?? {})
  return [
    ...flags({
      '--model-path': row.modelPath,
      '--host': '127.0.0.1',
      '--port': port,
      '--served-model-name': servedName(row),
      '--max-running-requests': row.slots,
      '--context-length': row.context === 0 ? undefined : row.context,
      '--tp-size': (devices?.length ?? 0) > 1 ? devices?.length : undefined,
      '--mem-fraction-static': gpuShare(row, devices),
      '--chat-template': row.template,
    }),
    '--enable-metrics',
    '--enable-cache-report',
    ...(adapters.length === 0 ? [] : ['--enable-lora', '--lora-paths']),
    ...adapters.map(([name, { path }]) => `${name}=${path}`),
  ]
}
