import { join } from 'node:path'

import type { Tool } from '../tool.ts'

// Files: https://docs.cline.bot/getting-started/config; their shape: `StoredProviderSettings` of @cline/core 0.0.86
export const cline: Tool = {
  id: 'cline',
  title: 'Cline',
  docs: 'https://docs.cline.bot/getting-started/config',
  install: 'npm install --global cline, or the extension saoudrizwan.claude-dev of VS Code',
  programs: ['cline'],
  folders: ({ home, env }) => [env['CLINE_DIR'] ?? join(home, '.cline')],
  leastContext: 16_384,
  files: ({ url, key, model }, { home, env }) => [
    {
      path:
        env['CLINE_PROVIDER_SETTINGS_PATH'] ??
        join(
          env['CLINE_DATA_DIR'] ?? join(env['CLINE_DIR'] ?? join(home, '.cline'), 'data'),
          'settings/providers.json',
        ),
      format: 'jsonc',
      settings: [
        { path: ['version'], value: 1, isDefault: true },
        { path: ['modes'], value: {}, isDefault: true },
        {
          path: ['providers', 'openai-compatible'],
          value: {
            settings: { provider: 'openai-compatible', apiKey: key, baseUrl: `${url}/v1`, model: model.name },
            // It must be a time; nothing depends on it.
            updatedAt: '2026-01-01T00:00:00.000Z',
            tokenSource: 'manual',
          },
        },
        { path: ['lastUsedProvider'], value: 'openai-compatible' },
      ],
    },
  ],
  steps: () => ['Start `cline` anew; in an editor, reload its window.'],
}
