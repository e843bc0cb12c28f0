import { engineCommand } from '../command.ts'
import { findEngine } from '../find.ts'
import type { EngineKind } from './kind.ts'

/** llama.cpp's server: the engine that inhouse brings itself. */
export const llamaServer: EngineKind = {
  id: 'llama-server',
  about: 'llama.cpp’s server, which inhouse brings itself. GGUF files.',
  defaults: { context: 4096, slots: 4 },
  takes: [
    ...(['context', 'threads', 'gpuLayers', 'mmproj', 'template'] as const),
    ...(['cacheTypeK', 'cacheTypeV', 'pooling', 'extraArgs', 'adapters'] as const),
  ],
  isInstalled: true,
  speaks: ({ adapters }, adapter) => {
    if (adapters === undefined) return { preset: 'llama-server' }
    // All are named, for who names none gets them all, though they were not to be applied at the start.
    const lora = Object.entries(adapters).map(([name, { scale = 1 }], id) => ({
      id,
      scale: name === adapter ? scale : 0,
    }))
    return { preset: 'llama-server', extra: { lora } }
  },
  find: async (search) => {
    const program = await findEngine(search)
    return { llamaCpp: program, command: (row, facts) => engineCommand(program, row, facts) }
  },
  health: () => '/health',
  proof: '/props',
  // Its cache's use is not among its figures any more.
  metrics: {
    path: '/metrics',
    running: ['llamacpp:requests_processing'],
    waiting: ['llamacpp:requests_deferred'],
  },
  graceMs: 3000,
}
