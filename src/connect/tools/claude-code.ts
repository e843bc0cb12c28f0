import { join } from 'node:path'

import type { Connection, Tool } from '../tool.ts'

/** Its instructions and tools alone are some 20,000 tokens. */
const leastContext = 32_768

const variables = ({ url, key, model }: Connection): Record<string, string> => ({
  ANTHROPIC_BASE_URL: url,
  ANTHROPIC_AUTH_TOKEN: key,
  ANTHROPIC_MODEL: model.name,
  // What it asks in the background, and the names in its menu.
  ANTHROPIC_DEFAULT_HAIKU_MODEL: model.name,
  ANTHROPIC_DEFAULT_SONNET_MODEL: model.name,
  ANTHROPIC_DEFAULT_OPUS_MODEL: model.name,
  // Of a name that it does not know it assumes a million tokens, and never shortens a conversation.
  ...(model.context !== undefined && {
    CLAUDE_CODE_MAX_CONTEXT_TOKENS: String(model.context),
    CLAUDE_CODE_MAX_OUTPUT_TOKENS: String(model.maxOutput ?? Math.floor(model.context / 4)),
  }),
})

// Settings: https://code.claude.com/docs/en/settings, variables: https://code.claude.com/docs/en/env-vars
export const claudeCode: Tool = {
  id: 'claude-code',
  title: 'Claude Code',
  docs: 'https://code.claude.com/docs/en/llm-gateway',
  install: 'npm install --global @anthropic-ai/claude-code',
  programs: ['claude'],
  folders: ({ home, env }) => [env['CLAUDE_CONFIG_DIR'] ?? join(home, '.claude')],
  leastContext,
  files: (connection, { home, env }) => [
    {
      path: join(env['CLAUDE_CONFIG_DIR'] ?? join(home, '.claude'), 'settings.json'),
      format: 'jsonc',
      settings: Object.entries(variables(connection)).map(([name, value]) => ({
        path: ['env', name],
        value,
      })),
    },
  ],
  steps: () => ['Start `claude` anew.'],
  // Its own settings count more than the environment, and these count more than its own.
  launch: (connection) => ({
    program: 'claude',
    args: [],
    env: {},
    settings: { flag: '--settings', text: JSON.stringify({ env: variables(connection) }) },
  }),
}
