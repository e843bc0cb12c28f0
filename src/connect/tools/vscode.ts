import { join } from 'node:path'

import { chatModels } from '../chat-models.ts'
import type { Places, Tool } from '../tool.ts'

const folder = ({ home, env, platform }: Places): string =>
  platform === 'darwin'
    ? join(home, 'Library/Application Support/Code/User')
    : join(env['XDG_CONFIG_HOME'] ?? join(home, '.config'), 'Code/User')

/** What a model may take and give when nobody says. */
const assumedContext = 8192

// https://code.visualstudio.com/docs/agent-customization/language-models (custom endpoint)
export const vscode: Tool = {
  id: 'vscode',
  title: 'VS Code (Copilot)',
  docs: 'https://code.visualstudio.com/docs/agent-customization/language-models',
  install: 'https://code.visualstudio.com/download',
  programs: ['code'],
  folders: (places) => [folder(places)],
  leastContext: 16_384,
  files: ({ url, key, models }, places) => [
    {
      path: join(folder(places), 'chatLanguageModels.json'),
      format: 'jsonc',
      settings: [
        {
          path: [],
          isItem: true,
          value: {
            name: 'inhouse',
            vendor: 'customendpoint',
            apiKey: key,
            apiType: 'chat-completions',
            models: chatModels(models).map(
              ({
                name,
                context = assumedContext,
                maxOutput = Math.floor(context / 4),
                capabilities: known,
              }) => ({
                id: name,
                name: `${name} (inhouse)`,
                url: `${url}/v1/chat/completions`,
                toolCalling: known?.includes('tools') ?? true,
                vision: known?.includes('vision') ?? false,
                maxInputTokens: context - maxOutput,
                maxOutputTokens: maxOutput,
              }),
            ),
          },
        },
      ],
    },
  ],
  steps: ({ url }) => [
    'Pick the model in the chat; models show up at once or after a restart. Agents are offered only those that know tools.',
    'For titles and commit messages too, set `chat.utilityModel` and `chat.utilitySmallModel`, or `chat.byokUtilityModelDefault`.',
    `Its Ollama extension finds inhouse by itself where \`compat: { listen: 127.0.0.1:11434, key: NAME }\` is in the config of the server at ${url}.`,
  ],
}
