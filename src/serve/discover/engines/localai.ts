import type { Capability } from '../../../core/model-facts.ts'
import type { Engine } from '../engine.ts'
import { listed, modelsOf } from '../listing.ts'
import { count, known, said, text, texts, objects } from '../said.ts'

export const localai: Engine = {
  id: 'localai',
  title: 'LocalAI',
  base: '/v1',
  ports: [8080],
  recognise: async (ask) => {
    const answer = await ask('/.well-known/localai.json')
    return answer?.status === 200 && answer.json !== undefined
      ? { version: text(said(answer)['version']) }
      : undefined
  },
  models: async (ask) => {
    const rich = objects(said(await ask('/v1/models/capabilities'))['data'])
    return modelsOf(rich.length > 0 ? rich : await listed(ask), (entry) =>
      known({
        capabilities: capabilitiesIn(texts(entry['capabilities'])),
        context: count(entry['context_size']),
      }),
    )
  },
}

/**
 * Every model that llama.cpp could run says `chat`, beside what it is for. What a chat model can do stands there once it
 * was loaded: before that nothing is known.
 */
function capabilitiesIn(words: readonly string[]): readonly Capability[] | undefined {
  if (words.includes('rerank')) return ['rerank']
  if (words.includes('embeddings')) return ['embed']
  const more = (['tools', 'vision', 'thinking'] as const).filter((word) => words.includes(word))
  return words.includes('chat') && more.length > 0 ? ['chat', 'complete', ...more] : undefined
}
