import type { Engine } from '../engine.ts'
import { listed, modelsOf } from '../listing.ts'
import { isClosed, object, said } from '../said.ts'

/** Whatever lists its models as OpenAI does, or refuses to in its words. */
export const openAiCompatible: Engine = {
  id: 'openai-compatible',
  title: 'a server that speaks OpenAI’s dialect',
  base: '/v1',
  ports: [],
  recognise: async (ask) => {
    for (const path of ['/v1/models', '/models']) {
      const answer = await ask(path)
      if (Array.isArray(said(answer)['data'])) return {}
      const refusal = object(answer?.json)
      if (isClosed(answer) && ('error' in refusal || 'detail' in refusal)) return {}
    }
    return undefined
  },
  models: async (ask) => modelsOf(await listed(ask)),
}
