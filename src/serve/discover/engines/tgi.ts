import type { Engine } from '../engine.ts'
import { listed, modelsOf } from '../listing.ts'
import { count, known, said, text } from '../said.ts'

export const tgi: Engine = {
  id: 'tgi',
  title: 'text-generation-inference',
  base: '/v1',
  ports: [3000, 80],
  recognise: async (ask) => {
    const info = said(await ask('/info'))
    return info['router'] === 'text-generation-router' || info['router'] === 'text-generation-launcher'
      ? { version: text(info['version']) }
      : undefined
  },
  models: async (ask) => {
    const info = said(await ask('/info'))
    const facts = known({ context: count(info['max_total_tokens']) })
    const models = modelsOf(await listed(ask), () => facts)
    const name = text(info['model_id'])
    return models.length > 0 || name === undefined ? models : [{ name, facts }]
  },
  takesAnyName: true,
}
