import { Failure } from '../../../core/failure.ts'
import { engineEnvironment } from '../command.ts'
import type { EngineKind } from './kind.ts'
import { findProgram } from './programs.ts'
import { flags } from './words.ts'

/** MLX-LM's server, for Apple's processors. It knows no key; it listens on this machine alone. */
export const mlxLm: EngineKind = {
  id: 'mlx-lm',
  about: 'MLX-LM’s server, for Apple’s processors. Folders of safetensors.',
  install: '`uv tool install mlx-lm` brings it.',
  defaults: { context: 0, slots: 8 },
  takes: ['extraArgs', 'adapters'],
  // Any other name would be looked for on the hub.
  speaks: (row, adapter) => {
    const path = row.adapters?.[adapter ?? '']?.path
    return {
      preset: 'mlx-lm',
      model: 'default_model',
      ...(path !== undefined && { extra: { adapters: path } }),
    }
  },
  find: async (search) => {
    const { platform, arch } = search.machine
    if (platform !== 'darwin' || arch !== 'arm64')
      throw new Failure('engine_unsupported', {
        message: 'MLX-LM runs on Apple’s own processors alone.',
        help: 'Give its rows another `engine`, or a backend `kind: mlx-lm` on a Mac.',
      })
    const program = await findProgram(mlxLm, ['mlx_lm.server'], search)
    return {
      path: program,
      command: (row, { env, port }) => ({
        argv: [
          program,
          ...flags({ '--model': row.modelPath, '--host': '127.0.0.1', '--port': port }),
          ...(row.extraArgs ?? []),
        ],
        env: { ...engineEnvironment(env), HF_HUB_OFFLINE: '1' },
        url: `http://127.0.0.1:${port}`,
      }),
    }
  },
  health: () => '/health',
  proof: '/v1/models',
  graceMs: 3000,
}
