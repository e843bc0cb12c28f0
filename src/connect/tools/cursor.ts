import { join } from 'node:path'

import type { Tool } from '../tool.ts'

// https://cursor.com/docs/settings/api-keys; its settings live in a database of its own.
export const cursor: Tool = {
  id: 'cursor',
  title: 'Cursor',
  docs: 'https://cursor.com/docs/settings/api-keys',
  install: 'https://cursor.com/download',
  programs: ['cursor'],
  folders: ({ home, env, platform }) => [
    platform === 'darwin'
      ? join(home, 'Library/Application Support/Cursor')
      : join(env['XDG_CONFIG_HOME'] ?? join(home, '.config'), 'Cursor'),
  ],
  leastContext: 16_384,
  steps: ({ url, key, model }) => [
    'Cursor sends every request through its own servers: they see your prompts, and they must reach inhouse. An address of this machine or of your network does not do; put inhouse behind a public one with TLS, or use another editor.',
    'Cursor Settings → Models → API Keys: switch on OpenAI API Key and enter',
    `    ${key}`,
    `Switch on Override OpenAI Base URL and enter the public address with /v1 at its end (in place of ${url}/v1).`,
    `Add Custom Model: ${model.name}; switch it on, and pick it in the chat.`,
    'Tab completions stay with Cursor’s own model.',
  ],
}
