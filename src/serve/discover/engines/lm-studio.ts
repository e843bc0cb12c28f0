import type { Capability, ModelFacts } from '../../../core/model-facts.ts'
import type { Ask } from '../ask.ts'
import type { Engine, FoundModel } from '../engine.ts'
import { modelsOf } from '../listing.ts'
import { count, known, object, objects, said, text, texts, type Said } from '../said.ts'

/** Says no version anywhere. */
export const lmStudio: Engine = {
  id: 'lm-studio',
  title: 'LM Studio',
  base: '/v1',
  ports: [1234],
  recognise: async (ask) => {
    if ((await native(ask)).some((model) => 'loaded_instances' in model)) return {}
    if ((await legacy(ask)).some((model) => 'max_context_length' in model || 'state' in model)) return {}
    // With nothing downloaded its lists are empty: the paths are its own.
    const { models } = said(await ask('/api/v1/models'))
    return Array.isArray(models) || Array.isArray(said(await ask('/api/v0/models'))['data']) ? {} : undefined
  },
  models: async (ask) => {
    const models = await native(ask)
    return models.length > 0 ? models.flatMap(nativeModel) : modelsOf(await legacy(ask), legacyFacts)
  },
}

const native = async (ask: Ask): Promise<readonly Said[]> =>
  objects(said(await ask('/api/v1/models'))['models'])
/** Before 0.4.0. */
const legacy = async (ask: Ask): Promise<readonly Said[]> =>
  objects(said(await ask('/api/v0/models'))['data'])

function nativeModel(model: Said): readonly FoundModel[] {
  const name = text(model['key'])
  const loaded = object(object(objects(model['loaded_instances'])[0])['config'])
  const { vision, trained_for_tool_use: tools } = object(model['capabilities'])
  const facts: ModelFacts = known({
    capabilities: capabilitiesOf(model['type'], vision === true, tools === true),
    context: count(loaded['context_length']),
    trainedContext: count(model['max_context_length']),
    architecture: text(model['architecture']),
    quantization: text(object(model['quantization'])['name']),
    sizeBytes: count(model['size_bytes']),
  })
  return name === undefined ? [] : [{ name, facts }]
}

const legacyFacts = (model: Said): ModelFacts =>
  known({
    // Versions before 0.3.16 say nothing of tools.
    capabilities:
      model['type'] === 'embeddings' || model['capabilities'] !== undefined
        ? capabilitiesOf(
            model['type'],
            model['type'] === 'vlm',
            texts(model['capabilities']).includes('tool_use'),
          )
        : undefined,
    context: count(model['loaded_context_length']),
    trainedContext: count(model['max_context_length']),
    architecture: text(model['arch']),
    quantization: text(model['quantization']),
  })

function capabilitiesOf(type: unknown, vision: boolean, tools: boolean): readonly Capability[] | undefined {
  if (type === 'embedding' || type === 'embeddings') return ['embed']
  if (type !== 'llm' && type !== 'vlm') return undefined
  return [
    'chat',
    'complete',
    ...(tools ? (['tools'] as const) : []),
    ...(vision ? (['vision'] as const) : []),
  ]
}
