import type { Capability } from '../../../core/model-facts.ts'
import type { Ask } from '../ask.ts'
import type { Engine } from '../engine.ts'
import { listed, modelsOf, ownedBy } from '../listing.ts'
import { count, known, said, text, type Said } from '../said.ts'

export const sglang: Engine = {
  id: 'sglang',
  title: 'SGLang',
  base: '/v1',
  ports: [30000],
  recognise: async (ask) => {
    const [model, server] = [await modelInfo(ask), await serverInfo(ask)]
    const isSglang = 'is_generation' in model || 'tp_size' in server || (await ownedBy(ask, 'sglang'))
    return isSglang ? { version: text(server['version']) } : undefined
  },
  models: async (ask) => {
    const [model, server] = [await modelInfo(ask), await serverInfo(ask)]
    return modelsOf(await listed(ask), (entry) =>
      known({
        capabilities: capabilitiesOf(model, server),
        context: count(entry['max_model_len']) ?? count(server['context_length']),
        quantization: text(server['quantization']),
      }),
    )
  },
}

const firstOf = async (ask: Ask, paths: readonly string[]): Promise<Said> => {
  for (const path of paths) {
    const answer = said(await ask(path))
    if (Object.keys(answer).length > 0) return answer
  }
  return {}
}
/** Their older names second. */
const modelInfo = (ask: Ask): Promise<Said> => firstOf(ask, ['/model_info', '/get_model_info'])
const serverInfo = (ask: Ask): Promise<Said> => firstOf(ask, ['/server_info', '/get_server_info'])

/** Tools and thoughts are told apart only by a server that was started with a parser for them. */
function capabilitiesOf(model: Said, server: Said): readonly Capability[] | undefined {
  const { is_generation: generates } = model
  if (generates === false) return ['embed']
  if (generates !== true || !('tool_call_parser' in server)) return undefined
  const can = {
    tools: text(server['tool_call_parser']) !== undefined,
    thinking: text(server['reasoning_parser']) !== undefined,
    vision: model['has_image_understanding'] === true,
    audio: model['has_audio_understanding'] === true,
  }
  const more = (['tools', 'thinking', 'vision', 'audio'] as const).filter((word) => can[word])
  return ['chat', 'complete', ...more]
}
