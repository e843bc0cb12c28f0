import type { Engine } from '../engine.ts'
import { listed, modelsOf, ownedBy } from '../listing.ts'
import { said, text } from '../said.ts'

/** Tells the context of its models, and nothing of what they can do. */
export const vllm: Engine = {
  id: 'vllm',
  title: 'vLLM',
  base: '/v1',
  ports: [8000],
  recognise: async (ask) => {
    const about = said(await ask('/version'))
    const version = text(about['version'])
    if (version === undefined || Object.keys(about).length !== 1) return undefined
    // With a key its models are closed, and its figures are not.
    const isVllm = (await ownedBy(ask, 'vllm')) || (await ask('/metrics'))?.text.includes('vllm:') === true
    return isVllm ? { version } : undefined
  },
  models: async (ask) => modelsOf(await listed(ask)),
  cautions: ({ wantsKey }) =>
    wantsKey
      ? [
          'its key guards /v1 alone: /invocations runs the model, and /tokenize, /metrics and others answer, without it; let nobody but inhouse reach it',
        ]
      : [],
}
