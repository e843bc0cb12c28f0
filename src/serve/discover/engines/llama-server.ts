import type { Capability, ModelFacts } from '../../../core/model-facts.ts'
import type { Engine } from '../engine.ts'
import { listed, modelsOf } from '../listing.ts'
import { count, isClosed, known, object, said, text, type Said } from '../said.ts'

/** llama.cpp’s own server; in router mode it has many models, and tells of each when it is loaded. */
export const llamaServer: Engine = {
  id: 'llama-server',
  title: 'llama-server',
  base: '/v1',
  // The new default, and the one that its images keep.
  ports: [9931, 8080],
  recognise: async (ask) => {
    const answer = await ask('/props')
    const props = said(answer)
    if (text(props['build_info']) !== undefined || typeof props['total_slots'] === 'number')
      return { version: versionIn(text(props['build_info'])) }
    // It says who it is to those who have its key; its refusal has a shape of its own.
    const { type, code } = object(object(answer?.json)['error'])
    return isClosed(answer) && type === 'authentication_error' && code === 401 ? {} : undefined
  },
  models: async (ask) => {
    const entries = await listed(ask)
    const isRouter = entries.some((entry) => isRouted(entry))
    const props = said(await ask('/props'))
    return modelsOf(entries, (entry) => factsOf(entry, isRouter ? {} : props))
  },
  detail: async (ask, model) => {
    const entries = await listed(ask)
    const entry = entries.find(({ id }) => id === model) ?? (entries.length === 1 ? entries[0] : undefined)
    if (entry === undefined) return {}
    if (!entries.some((each) => isRouted(each))) return factsOf(entry, said(await ask('/props')))
    // Asked of a model that is not loaded, a router would load it.
    const isLoaded = object(entry['status'])['value'] === 'loaded'
    const query = `?model=${encodeURIComponent(model)}&autoload=false`
    return factsOf(entry, isLoaded ? said(await ask(`/props${query}`)) : {})
  },
  takesAnyName: true,
}

/** `b0-unknown` and `b10488-abc` are builds; nobody knows the first. */
const versionIn = (build: string | undefined): string | undefined =>
  build === undefined || build.startsWith('b0-') ? undefined : build

const isRouted = (entry: Said): boolean => 'status' in entry

function factsOf(entry: Said, props: Said): ModelFacts {
  const meta = object(entry['meta'])
  const template = text(props['chat_template'])
  return known({
    capabilities: capabilitiesOf(props, template),
    context: count(object(props['default_generation_settings'])['n_ctx']) ?? count(meta['n_ctx']),
    trainedContext: count(meta['n_ctx_train']),
    parameters: count(meta['n_params']),
    sizeBytes: count(meta['size']),
    quantization: text(props['model_ftype']) ?? text(meta['ftype']),
    dimensions: count(meta['n_embd']),
    template,
  })
}

/** As the server found them in the chat template. Embeddings and gaps it does not tell. */
function capabilitiesOf(props: Said, template: string | undefined): readonly Capability[] | undefined {
  const caps = object(props['chat_template_caps'])
  if (typeof caps['supports_tools'] !== 'boolean') return undefined
  const modalities = object(props['modalities'])
  const can: Partial<Record<Capability, boolean>> = {
    chat: template !== undefined,
    complete: true,
    tools: caps['supports_tools'] || caps['supports_tool_calls'] === true,
    vision: modalities['vision'] === true,
    audio: modalities['audio'] === true,
    thinking: caps['supports_reasoning_effort'] === true || caps['supports_preserve_reasoning'] === true,
  }
  return (Object.keys(can) as Capability[]).filter((word) => can[word])
}
