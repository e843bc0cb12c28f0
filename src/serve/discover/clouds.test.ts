import { expect, test } from 'bun:test'

import type { Transport } from '../../core/send.ts'
import { probe } from './probe.ts'

/** A vendor by its documented answer; it keeps what it was asked. */
const vendor = (path: string, answer: unknown, status = 200) => {
  const asked: { url: string; headers: Readonly<Record<string, string>> }[] = []
  const transport: Transport = ({ url, headers }) => {
    asked.push({ url, headers })
    const isIt = url.endsWith(path)
    const bytes = new TextEncoder().encode(JSON.stringify(isIt ? answer : { error: {} }))
    return Promise.resolve({
      status: isIt ? status : 404,
      header: () => undefined,
      body: {
        read: () => Promise.resolve(undefined),
        all: () => Promise.resolve(bytes),
        cancel: () => undefined,
      },
    })
  }
  return { asked, transport }
}

test('Anthropic is known by its host, asked in its own way, and tells contexts and what its models can do', async () => {
  const capabilities = { image_input: { supported: true }, thinking: { supported: true } }
  const model = { id: 'claude-x', max_input_tokens: 200_000, max_tokens: 64_000, capabilities }
  const { asked, transport } = vendor('/v1/models?limit=1000', { data: [model] })
  const found = await probe('https://api.anthropic.com', { transport, key: 'sk' })
  expect(found).toMatchObject({ kind: 'anthropic', url: 'https://api.anthropic.com', wildcard: 'claude-*' })
  expect(found.models).toEqual([
    {
      name: 'claude-x',
      facts: { capabilities: ['chat', 'tools', 'vision', 'thinking'], context: 200_000, maxOutput: 64_000 },
    },
  ])
  expect(asked.find(({ url }) => url.endsWith('limit=1000'))?.headers).toMatchObject({
    'x-api-key': 'sk',
    'anthropic-version': '2023-06-01',
  })
})

test('Gemini’s models are told without their folder, and one that only embeds as such', async () => {
  const models = [
    {
      name: 'models/gemini-x',
      inputTokenLimit: 1000,
      outputTokenLimit: 10,
      supportedGenerationMethods: ['generateContent'],
    },
    { name: 'models/embed-x', supportedGenerationMethods: ['embedContent'] },
  ]
  const { transport } = vendor('/v1beta/models?pageSize=1000', { models })
  const found = await probe('https://generativelanguage.googleapis.com', { transport, key: 'k' })
  expect(found.url).toBe('https://generativelanguage.googleapis.com/v1beta')
  expect(found.models).toEqual([
    { name: 'gemini-x', facts: { context: 1000, maxOutput: 10 } },
    { name: 'embed-x', facts: { capabilities: ['embed'] } },
  ])
})

test('OpenRouter’s modalities and parameters say what a model can do', async () => {
  const model = {
    id: 'a/b',
    context_length: 9,
    architecture: { input_modalities: ['text', 'image'] },
    supported_parameters: ['tools', 'reasoning'],
    top_provider: { context_length: 8, max_completion_tokens: 4 },
  }
  const { transport } = vendor('/api/v1/models', { data: [model] })
  const found = await probe('https://openrouter.ai/api/v1', { transport })
  expect(found).toMatchObject({ kind: 'openrouter', url: 'https://openrouter.ai/api/v1', access: 'open' })
  expect(found.models[0]?.facts).toEqual({
    capabilities: ['chat', 'tools', 'vision', 'thinking'],
    context: 8,
    maxOutput: 4,
  })
})

test('Together’s bare list is read, Azure’s is not taken for deployments', async () => {
  const { transport } = vendor('/v1/models', [{ id: 'm', type: 'embedding', context_length: 5 }])
  expect((await probe('https://api.together.ai/v1', { transport })).models).toEqual([
    { name: 'm', facts: { capabilities: ['embed'], context: 5 } },
  ])
  const azure = vendor('/openai/v1/models', { data: [{ id: 'gpt-x' }] })
  const found = await probe('https://mine.openai.azure.com', { transport: azure.transport, key: 'k' })
  expect(found).toMatchObject({ kind: 'azure', url: 'https://mine.openai.azure.com/openai/v1', models: [] })
  expect(found.cautions.join()).toContain('deployments')
  expect(azure.asked[0]?.headers).toMatchObject({ 'api-key': 'k' })
})

test('a host that only looks like a vendor’s is none', async () => {
  const { transport } = vendor('/v1/models', { data: [] })
  for (const host of ['api.openai.com.evil.example', 'evil-openai.azure.com.example', 'xapi.anthropic.com'])
    expect((await probe(`https://${host}`, { transport })).kind).toBe('openai-compatible')
})
