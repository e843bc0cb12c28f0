import { join } from 'node:path'

import { chatModels } from '../chat-models.ts'
import type { Tool } from '../tool.ts'

/**
 * Zed keeps keys in the system's keychain alone, where no program may put one; for Ollama it needs none. So it speaks to
 * us as to an Ollama, with the key in the path. https://zed.dev/docs/ai/use-a-local-model
 */
export const zed: Tool = {
  id: 'zed',
  title: 'Zed',
  docs: 'https://zed.dev/docs/ai/use-a-local-model',
  install: 'https://zed.dev/download',
  programs: ['zed', 'zeditor'],
  folders: ({ home, env }) => [join(env['XDG_CONFIG_HOME'] ?? join(home, '.config'), 'zed')],
  leastContext: 8192,
  files: ({ url, key, models }, { home, env, platform }) => {
    const config = platform === 'darwin' ? undefined : env['XDG_CONFIG_HOME']
    return [
      {
        path: join(config ?? join(home, '.config'), 'zed/settings.json'),
        format: 'jsonc',
        settings: [
          { path: ['language_models', 'ollama', 'api_url'], value: `${url}/k/${key}` },
          {
            path: ['language_models', 'ollama', 'available_models'],
            value: chatModels(models).flatMap(({ name, context, capabilities: known }) =>
              context === undefined
                ? []
                : [
                    {
                      name,
                      display_name: `${name} (inhouse)`,
                      max_tokens: context,
                      ...(known !== undefined && {
                        supports_tools: known.includes('tools'),
                        supports_images: known.includes('vision'),
                        supports_thinking: known.includes('thinking'),
                      }),
                    },
                  ],
            ),
          },
        ],
      },
    ]
  },
  steps: ({ model }) => [`Pick ${model.name} under Ollama in the agent panel.`],
}
