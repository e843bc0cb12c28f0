import type { Capability, ModelFacts } from '../../core/model-facts.ts'
import type { Cloud } from './engine.ts'
import { listed, modelsOf } from './listing.ts'
import { count, known, object, objects, said, text, texts, type Said } from './said.ts'

const bearer = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` })

/** Vendors, by the names of their hosts. */
export const clouds: readonly Cloud[] = [
  {
    id: 'openai',
    title: 'OpenAI',
    base: '/v1',
    hosts: /^api\.openai\.com$/,
    root: () => 'https://api.openai.com',
    keyHeader: bearer,
    keyEnv: 'OPENAI_API_KEY',
    wildcard: 'gpt-*',
    models: async (ask) => modelsOf(await listed(ask)),
  },
  {
    id: 'anthropic',
    title: 'Anthropic',
    base: '',
    hosts: /^api\.anthropic\.com$/,
    root: () => 'https://api.anthropic.com',
    keyHeader: (key) => ({ 'x-api-key': key }),
    keyEnv: 'ANTHROPIC_API_KEY',
    wildcard: 'claude-*',
    models: async (ask) => {
      const headers = { 'anthropic-version': '2023-06-01' }
      const answer = said(await ask('/v1/models?limit=1000', { headers }))
      return modelsOf(objects(answer['data']), anthropicFacts)
    },
  },
  {
    id: 'gemini',
    title: 'Google Gemini',
    base: '',
    hosts: /^generativelanguage\.googleapis\.com$/,
    root: () => 'https://generativelanguage.googleapis.com/v1beta',
    keyHeader: (key) => ({ 'x-goog-api-key': key }),
    keyEnv: 'GEMINI_API_KEY',
    wildcard: 'gemini-*',
    models: async (ask) =>
      objects(said(await ask('/models?pageSize=1000'))['models']).flatMap((model) => {
        const name = text(model['name'])?.replace(/^models\//, '')
        return name === undefined ? [] : [{ name, facts: geminiFacts(model) }]
      }),
  },
  {
    id: 'together',
    title: 'Together',
    base: '/v1',
    hosts: /^api\.together\.(?:ai|xyz)$/,
    root: (given) => given,
    keyHeader: bearer,
    keyEnv: 'TOGETHER_API_KEY',
    models: async (ask) =>
      modelsOf(await listed(ask), ({ type, context_length: context }) =>
        known({
          capabilities: ({ embedding: ['embed'], rerank: ['rerank'] } as const)[String(type)],
          context: count(context),
        }),
      ),
  },
  {
    id: 'openrouter',
    title: 'OpenRouter',
    base: '/v1',
    hosts: /^openrouter\.ai$/,
    root: () => 'https://openrouter.ai/api',
    keyHeader: bearer,
    keyEnv: 'OPENROUTER_API_KEY',
    models: async (ask) => modelsOf(await listed(ask), openRouterFacts),
  },
  {
    id: 'azure',
    title: 'Azure OpenAI',
    base: '/v1',
    hosts: /\.(?:openai|services\.ai|cognitiveservices)\.azure\.com$/,
    root: (given) => `${new URL(given).origin}/openai`,
    keyHeader: (key) => ({ 'api-key': key }),
    keyEnv: 'AZURE_OPENAI_API_KEY',
    // It lists the models that one could deploy, and a call names a deployment.
    models: () => Promise.resolve([]),
    cautions: () => [
      'its models are asked for by the names of your deployments, which it does not list: name them in `models`, or in `deployments` of the backend',
    ],
  },
]

export const cloudAt = (hostname: string): Cloud | undefined =>
  clouds.find(({ hosts }) => hosts.test(hostname))

function anthropicFacts(model: Said): ModelFacts {
  const abilities = object(model['capabilities'])
  const has = (name: string): boolean => object(abilities[name])['supported'] === true
  const capabilities: readonly Capability[] = [
    'chat',
    'tools',
    ...(has('image_input') ? (['vision'] as const) : []),
    ...(has('thinking') ? (['thinking'] as const) : []),
  ]
  return known({
    capabilities: 'image_input' in abilities ? capabilities : undefined,
    context: count(model['max_input_tokens']),
    maxOutput: count(model['max_tokens']),
  })
}

/** Nothing is said of tools: only what does nothing else is told by its methods. */
function geminiFacts(model: Said): ModelFacts {
  const methods = texts(model['supportedGenerationMethods'])
  const onlyEmbeds = methods.includes('embedContent') && !methods.includes('generateContent')
  return known({
    capabilities: onlyEmbeds ? (['embed'] as const) : undefined,
    context: count(model['inputTokenLimit']),
    maxOutput: count(model['outputTokenLimit']),
  })
}

function openRouterFacts(model: Said): ModelFacts {
  const { input_modalities: inputs } = object(model['architecture'])
  const top = object(model['top_provider'])
  const parameters = texts(model['supported_parameters'])
  const can: Partial<Record<Capability, boolean>> = {
    chat: true,
    tools: parameters.includes('tools'),
    vision: texts(inputs).includes('image'),
    audio: texts(inputs).includes('audio'),
    thinking: parameters.includes('reasoning'),
  }
  return known({
    capabilities:
      parameters.length === 0 ? undefined : (Object.keys(can) as Capability[]).filter((word) => can[word]),
    context: count(top['context_length']) ?? count(model['context_length']),
    maxOutput: count(top['max_completion_tokens']),
  })
}
