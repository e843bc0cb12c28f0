import type { Engine } from '../engine.ts'
import { listed, modelsOf } from '../listing.ts'
import { count, known, said, text } from '../said.ts'

/** Another inhouse: it answers as several of the others do. */
export const inhouse: Engine = {
  id: 'openai-compatible',
  title: 'inhouse',
  base: '/v1',
  ports: [],
  recognise: async (ask) => {
    const { status, version } = said(await ask('/health'))
    return status === 'ok' && text(version) !== undefined ? { version: text(version) } : undefined
  },
  models: async (ask) =>
    modelsOf(await listed(ask), (entry) =>
      known({ context: count(entry['max_input_tokens']), maxOutput: count(entry['max_tokens']) }),
    ),
}
