import { expect, test } from 'bun:test'

import type Anthropic from '@anthropic-ai/sdk'

import { Failure } from '../../core/failure.ts'
import { builtInPlaces } from '../../core/place.ts'
import { jsonOf, outgoingOf, requestOf, targetOf, textOf } from '../../testing/asking.ts'
import { countReading } from './anthropic-count.ts'
import { anthropic } from './anthropic.ts'

const backend = anthropic.create(
  'claude',
  { kind: 'anthropic', url: 'https://api.anthropic.com', ask: 'stream' },
  { place: builtInPlaces.cloud, send: () => Promise.reject(new Error('no socket here')) },
)

test('a count goes out byte for byte, with the headers of its dialect, and is never streamed', () => {
  const body = '{"model":"m", "messages":[],"big":12345678901234567890}'
  const headers = { 'anthropic-beta': 'a', 'anthropic-version': '2024-01-01', 'anthropic-workspace-id': 'w' }
  const sent = outgoingOf(backend, { ...requestOf('anthropic-count', body), headers }, targetOf('m'))
  expect(textOf(sent)).toBe(body)
  expect(sent).toMatchObject({
    path: '/v1/messages/count_tokens',
    stream: false,
    dialect: 'anthropic-count',
    headers,
  })
})

test('the row’s own system text is counted too', () => {
  const request = requestOf('anthropic-count', '{"model":"alias","messages":[]}')
  const sent = outgoingOf(backend, request, targetOf('m', { system: 'S', defaults: { maxOutputTokens: 5 } }))
  expect(jsonOf(sent)).toEqual({ model: 'm', messages: [], system: 'S' })
})

test('a count of another dialect has what takes part in the prompt, and nothing about the answer', () => {
  const request = requestOf(
    'openai-count',
    { model: 'alias' },
    {
      kind: 'chat',
      messages: [{ role: 'user', parts: [{ type: 'text', text: 'hi' }] }],
      tools: [{ name: 'f' }],
      maxOutputTokens: 9,
      stop: ['X'],
      temperature: 0.5,
      user: 'u',
      rest: {},
    },
  )
  const expected = {
    model: 'claude-sonnet-4-5',
    messages: [{ role: 'user', content: [{ type: 'text', text: 'hi' }] }],
    tools: [{ name: 'f', input_schema: { type: 'object' } }],
  } satisfies Anthropic.MessageCountTokensParams
  expect(jsonOf(outgoingOf(backend, request, targetOf('claude-sonnet-4-5')))).toEqual(expected)
})

test('the answer is the tokens of the prompt', () => {
  // https://platform.claude.com/docs/en/build-with-claude/token-counting
  const answer = { input_tokens: 14 } satisfies Anthropic.MessageTokensCount
  const read = (value: unknown) => countReading.whole(new TextEncoder().encode(JSON.stringify(value)))
  const input = { tokens: 14, source: 'reported' } as const
  expect(read(answer)).toEqual([{ type: 'usage', usage: { input } }, { type: 'end' }])
  expect(read({ error: { type: 'overloaded_error', message: 'x' } })[0]).toMatchObject({
    type: 'failure',
    code: 'upstream_overloaded',
  })
  expect(() => read({ input_tokens: 'many' })).toThrow(Failure)
  expect(() => countReading.message({ data: '{}' })).toThrow(Failure)
})
