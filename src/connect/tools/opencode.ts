import { join } from 'node:path'

import { chatModels } from '../chat-models.ts'
import type { Json } from '../formats/format.ts'
import type { Connection, Places, Tool } from '../tool.ts'

const provider = ({ url, models }: Connection, apiKey: string): Json => ({
  npm: '@ai-sdk/openai-compatible',
  name: 'inhouse',
  options: { baseURL: `${url}/v1`, apiKey },
  models: Object.fromEntries(
    chatModels(models).map(({ name, context, maxOutput }) => [
      name,
      {
        name,
        ...(context !== undefined && { limit: { context, output: maxOutput ?? Math.floor(context / 4) } }),
      },
    ]),
  ),
})

const folder = ({ home, env }: Places): string =>
  join(env['XDG_CONFIG_HOME'] ?? join(home, '.config'), 'opencode')

// https://opencode.ai/docs/providers (custom provider), https://opencode.ai/docs/config (files, variables)
export const opencode: Tool = {
  id: 'opencode',
  title: 'OpenCode',
  docs: 'https://opencode.ai/docs/providers',
  install: 'npm install --global opencode-ai',
  programs: ['opencode'],
  folders: (places) => [folder(places)],
  leastContext: 16_384,
  files: (connection, places) => {
    const [first = '', ...others] = ['opencode.json', 'opencode.jsonc'].map((name) =>
      join(folder(places), name),
    )
    return [
      {
        path: places.env['OPENCODE_CONFIG'] ?? [first, ...others].find(places.exists) ?? first,
        format: 'jsonc',
        settings: [
          { path: ['provider', 'inhouse'], value: provider(connection, `{file:${connection.keyFile}}`) },
          { path: ['model'], value: `inhouse/${connection.model.name}` },
          { path: ['small_model'], value: `inhouse/${connection.model.name}` },
        ],
      },
    ]
  },
  steps: () => ['Start `opencode` anew.'],
  launch: (connection) => ({
    program: 'opencode',
    args: [],
    env: {
      OPENCODE_CONFIG_CONTENT: JSON.stringify({
        provider: { inhouse: provider(connection, connection.key) },
        model: `inhouse/${connection.model.name}`,
        small_model: `inhouse/${connection.model.name}`,
      }),
    },
  }),
}
