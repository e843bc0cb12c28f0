import { Failure } from '../../../core/failure.ts'
import { engineEnvironment } from '../command.ts'
import type { EngineKind } from './kind.ts'
import { filled } from './words.ts'

/** Any program that serves a model on a port of this machine. */
export const command: EngineKind = {
  id: 'command',
  about: 'Any other program: `command` says how it is started.',
  defaults: { context: 0, slots: 4 },
  takes: ['command', 'extraArgs'],
  needs: ['command'],
  bringsModels: true,
  programOf: (row) => row.command?.run[0],
  speaks: (row) => ({ preset: row.command?.speaks ?? 'openai-compatible' }),
  find: () =>
    Promise.resolve({
      command: (row, facts) => {
        const [program, ...words] = row.command?.run ?? []
        if (program === undefined) {
          throw new Failure('config_invalid', { message: `${row.row} has no command.`, param: 'command' })
        }
        const { apiKey: key, port, env } = facts
        const given = { key, port: String(port), model: row.modelPath }
        return {
          argv: [program, ...words, ...(row.extraArgs ?? [])].map((word) => filled(word, given)),
          env: { ...engineEnvironment(env) },
          url: `http://127.0.0.1:${port}`,
        }
      },
    }),
  health: (row) => row.command?.health ?? '/health',
  graceMs: 5000,
}
