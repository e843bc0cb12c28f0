import type { Tool } from '../tool.ts'

// https://docs.openwebui.com/reference/env-configuration; it keeps its settings in a database after the first start.
export const openWebui: Tool = {
  id: 'open-webui',
  title: 'Open WebUI',
  docs: 'https://docs.openwebui.com/reference/env-configuration',
  install: 'pip install open-webui, or its container',
  programs: ['open-webui'],
  folders: () => [],
  leastContext: 4096,
  steps: ({ url, key }) => [
    'A new one is given these variables at its first start (in a container, 127.0.0.1 is `host.docker.internal`):',
    `    OPENAI_API_BASE_URLS=${url}/v1`,
    `    OPENAI_API_KEYS=${key}`,
    '    ENABLE_OLLAMA_API=false',
    'One that has run keeps its settings: Admin Panel → Settings → Connections → OpenAI API → Add Connection, with the same address and key.',
  ],
}
