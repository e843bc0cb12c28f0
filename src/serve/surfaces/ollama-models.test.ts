import { expect, test } from 'bun:test'

import type { ModelListing } from './models.ts'
import { renderLoaded, renderShow, renderTags } from './ollama-models.ts'

const known: ModelListing = {
  name: 'qwen3:8b',
  created: 1_700_000_000,
  ownedBy: 'here',
  facts: {
    capabilities: ['chat', 'complete', 'embed', 'tools', 'vision', 'thinking', 'insert'],
    context: 8192,
    trainedContext: 40_960,
    architecture: 'qwen3',
    parameters: 8_190_735_360,
    quantization: 'Q4_K_M',
    sizeBytes: 5_000_000_000,
    digest: `sha256:${'ab'.repeat(32)}`,
    template: '{{ messages }}',
    dimensions: 4096,
  },
}
const unknown: ModelListing = { name: 'cloud', created: 1_700_000_000, ownedBy: 'one', context: 200_000 }

const details = {
  parent_model: '',
  format: 'gguf',
  family: 'qwen3',
  families: ['qwen3'],
  parameter_size: '8.2B',
  quantization_level: 'Q4_K_M',
}

test('a model is listed with all that is known of it; one of another house with what its clients cannot do without', () => {
  const { models } = renderTags([known, unknown])
  expect(models[0]).toEqual({
    name: 'qwen3:8b',
    model: 'qwen3:8b',
    modified_at: '2023-11-14T22:13:20.000Z',
    size: 5_000_000_000,
    digest: 'ab'.repeat(32),
    details,
    capabilities: ['completion', 'tools', 'insert', 'vision', 'thinking'],
  })
  // Its own command line shows the first twelve characters of a digest, whatever it is.
  expect(models[1]).toMatchObject({ model: 'cloud:latest', digest: '0'.repeat(64), size: 0 })
})

test('a model is shown with the context that a call has here, not the one it was trained for', () => {
  expect(renderShow(known)).toMatchObject({
    template: '{{ messages }}',
    parameters: 'num_ctx 8192',
    details,
    model_info: {
      'general.architecture': 'qwen3',
      'general.basename': 'qwen3:8b',
      'general.parameter_count': 8_190_735_360,
      'qwen3.context_length': 8192,
      'qwen3.embedding_length': 4096,
    },
  })
  expect(renderShow(unknown).model_info).toMatchObject({ 'unknown.context_length': 200_000 })
})

test('a model that only makes vectors is for embedding; one that talks too is not listed so', () => {
  const capabilities = (...words: ('embed' | 'chat')[]) =>
    renderShow({ ...unknown, facts: { capabilities: words } }).capabilities
  expect(capabilities('embed')).toEqual(['embedding'])
  expect(capabilities('chat', 'embed')).toEqual(['completion'])
})

test('a loaded model says until when, and how much context it holds', () => {
  const { models } = renderLoaded([{ ...known, expiresAt: 1_700_000_060_000, vramBytes: 0 }])
  expect(models[0]).toMatchObject({
    model: 'qwen3:8b',
    expires_at: '2023-11-14T22:14:20.000Z',
    size_vram: 0,
    context_length: 8192,
  })
})
