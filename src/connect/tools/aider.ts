import { join } from 'node:path'

import type { Tool } from '../tool.ts'

// https://aider.chat/docs/llms/openai-compat.html, https://aider.chat/docs/config/aider_conf.html
export const aider: Tool = {
  id: 'aider',
  title: 'Aider',
  docs: 'https://aider.chat/docs/llms/openai-compat.html',
  install: 'python -m pip install aider-install && aider-install',
  programs: ['aider'],
  folders: () => [],
  leastContext: 8192,
  files: ({ url, key, model }, { home }) => [
    {
      path: join(home, '.aider.conf.yml'),
      format: 'yaml',
      settings: [
        { path: ['openai-api-base'], value: `${url}/v1` },
        { path: ['openai-api-key'], value: key },
        { path: ['model'], value: `openai/${model.name}` },
      ],
    },
  ],
  steps: () => ['Start `aider` anew. A `.aider.conf.yml` of a repository counts more than this one.'],
}
