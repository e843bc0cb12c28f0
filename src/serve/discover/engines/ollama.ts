import { ollamaFacts } from '../../backends/ollama-facts.ts'
import type { Engine } from '../engine.ts'
import { count, known, object, objects, said, text } from '../said.ts'

export const ollama: Engine = {
  id: 'ollama',
  title: 'Ollama',
  base: '',
  ports: [11434],
  recognise: async (ask) => {
    const version = text(said(await ask('/api/version'))['version'])
    const greets = (await ask('/'))?.text.trim() === 'Ollama is running'
    // Built from its source it calls itself 0.0.0.
    return greets && version !== undefined
      ? { version: version === '0.0.0' ? undefined : version }
      : undefined
  },
  models: async (ask) =>
    objects(said(await ask('/api/tags'))['models']).flatMap((model) => {
      const name = text(model['model']) ?? text(model['name'])
      const digest = text(model['digest'])
      const facts = known({
        sizeBytes: count(model['size']),
        digest: digest && `sha256:${digest}`,
        quantization: text(object(model['details'])['quantization_level']),
        remoteHost: text(model['remote_host']),
      })
      return name === undefined ? [] : [{ name, facts }]
    }),
  detail: async (ask, model) => ollamaFacts(said(await ask('/api/show', { body: { model } }))),
}
