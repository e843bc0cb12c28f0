import { join } from 'node:path'

import type { Capability } from '../../core/model-facts.ts'
import type { ServedModel, Tool } from '../tool.ts'

// https://docs.continue.dev/reference
export const continueDev: Tool = {
  id: 'continue',
  title: 'Continue',
  docs: 'https://docs.continue.dev/reference',
  install: 'the extension Continue.continue of VS Code, or the plugin Continue of JetBrains',
  programs: ['cn'],
  folders: ({ home, env }) => [env['CONTINUE_GLOBAL_DIR'] ?? join(home, '.continue')],
  leastContext: 8192,
  files: ({ url, key, model, models }, { home, env }) => [
    {
      path: join(env['CONTINUE_GLOBAL_DIR'] ?? join(home, '.continue'), 'config.yaml'),
      format: 'yaml',
      settings: [
        // The file is not taken without these three; who has them keeps theirs.
        { path: ['name'], value: 'Local Config', isDefault: true },
        { path: ['version'], value: '1.0.0', isDefault: true },
        { path: ['schema'], value: 'v1', isDefault: true },
        // The first of a role is the one that it asks.
        ...[model, ...models.filter(({ name }) => name !== model.name)].flatMap((each) => {
          const roles = rolesOf(each)
          return roles.length === 0
            ? []
            : [
                {
                  path: ['models'],
                  isItem: true as const,
                  value: {
                    name: `inhouse ${each.name}`,
                    provider: 'openai',
                    model: each.name,
                    apiBase: `${url}/v1`,
                    apiKey: key,
                    roles,
                    ...(each.capabilities !== undefined && { capabilities: abilitiesOf(each.capabilities) }),
                    ...(each.context !== undefined && {
                      defaultCompletionOptions: { contextLength: each.context },
                    }),
                  },
                },
              ]
        }),
      ],
    },
  ],
  steps: () => ['Pick the model in Continue’s panel; the file is read again by itself.'],
}

const rolesOf = ({ capabilities }: ServedModel): string[] => {
  if (capabilities === undefined || capabilities.includes('chat')) return ['chat', 'edit', 'apply']
  return capabilities.includes('embed') ? ['embed'] : []
}

const abilitiesOf = (known: readonly Capability[]): string[] => [
  ...(known.includes('tools') ? ['tool_use'] : []),
  ...(known.includes('vision') ? ['image_input'] : []),
]
