import { readFile, stat } from 'node:fs/promises'
import { basename } from 'node:path'

import { Failure } from '../core/failure.ts'
import type { ModelFacts } from './facts.ts'

const maxBytes = 256 << 20

/**
 * The small files beside safetensors weights: refuses JSON that is none and a config that names code to run
 * (`auto_map`), and tells what they say of the model.
 */
export const readSidecars = async (
  files: readonly { readonly name: string; readonly path: string }[],
): Promise<Partial<ModelFacts>> => {
  const facts: { -readonly [K in keyof ModelFacts]?: ModelFacts[K] } = {}
  for (const { name, path } of files) {
    if (basename(name) === 'chat_template.jinja') facts.hasChatTemplate = true
    if (!name.endsWith('.json')) continue
    const json = await readJson(name, path)
    if (json['auto_map'] !== undefined) {
      throw new Failure('model_unsafe', `${name} asks for code of its own to be run (auto_map).`)
    }
    if (name === 'config.json') Object.assign(facts, fromConfig(json))
    if (json['chat_template'] !== undefined) facts.hasChatTemplate = true
  }
  return facts
}

const readJson = async (name: string, path: string): Promise<Readonly<Record<string, unknown>>> => {
  try {
    if ((await stat(path)).size > maxBytes) throw new Error('too large')
    const json: unknown = JSON.parse(await readFile(path, 'utf8'))
    if (typeof json === 'object' && json !== null) return json as Readonly<Record<string, unknown>>
  } catch (error) {
    throw new Failure('model_unsafe', `${name} is not JSON.`, { cause: error })
  }
  throw new Failure('model_unsafe', `${name} is not a JSON object.`)
}

const fromConfig = (config: Readonly<Record<string, unknown>>): Partial<ModelFacts> => ({
  ...(typeof config['model_type'] === 'string' ? { architecture: config['model_type'] } : {}),
  ...count('contextLength', config['max_position_embeddings']),
  ...count('embeddingLength', config['hidden_size']),
  ...count('layers', config['num_hidden_layers']),
})

const count = (name: 'contextLength' | 'embeddingLength' | 'layers', value: unknown): Partial<ModelFacts> =>
  Number.isSafeInteger(value) && Number(value) > 0 ? { [name]: Number(value) } : {}
