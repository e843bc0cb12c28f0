import { join } from 'node:path'

import type { Connection, Tool } from '../tool.ts'

const provider = ({ url }: Connection) => ({
  name: 'inhouse',
  base_url: `${url}/v1`,
  // The only one that it has: it speaks OpenAI's responses.
  wire_api: 'responses',
})

/** A provider of its own: what the user’s file says of ours would be mixed with it. */
const launched = 'inhouse-launch'

// https://developers.openai.com/codex/config-reference, and config-advanced for `auth`
export const codex: Tool = {
  id: 'codex',
  title: 'Codex',
  docs: 'https://developers.openai.com/codex/config-advanced',
  install: 'npm install --global @openai/codex',
  programs: ['codex'],
  folders: ({ home, env }) => [env['CODEX_HOME'] ?? join(home, '.codex')],
  leastContext: 16_384,
  files: (connection, { home, env }) => [
    {
      path: join(env['CODEX_HOME'] ?? join(home, '.codex'), 'config.toml'),
      format: 'toml',
      settings: [
        { path: ['model'], value: connection.model.name },
        { path: ['model_provider'], value: 'inhouse' },
        ...(connection.model.context === undefined
          ? []
          : [{ path: ['model_context_window'], value: connection.model.context }]),
        {
          path: ['model_providers', 'inhouse'],
          value: { ...provider(connection), auth: { command: 'cat', args: [connection.keyFile] } },
        },
      ],
    },
  ],
  steps: () => ['Start `codex` anew.'],
  launch: (connection) => ({
    program: 'codex',
    args: [
      ['model', connection.model.name],
      ['model_provider', launched],
      ['model_context_window', connection.model.context],
      ...Object.entries({ ...provider(connection), env_key: 'INHOUSE_KEY' }).map(
        ([name, value]) => [`model_providers.${launched}.${name}`, value] as const,
      ),
    ].flatMap(([name, value]) => (value === undefined ? [] : ['-c', `${name}=${JSON.stringify(value)}`])),
    env: { INHOUSE_KEY: connection.key },
  }),
}
