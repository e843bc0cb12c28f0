import { describe, expect, test } from 'bun:test'

import { Failure } from '../../core/failure.ts'
import { JsonText } from '../../core/json.ts'
import { builtInPlaces } from '../../core/place.ts'
import type { ModelRequest, Part } from '../../core/request.ts'
import { atOnce } from '../../core/turns.ts'
import { chatOf, jsonOf, outgoingOf, requestOf, targetOf } from '../../testing/asking.ts'
import { backendRow, kindOf } from './index.ts'
import { refuseAddresses } from './media.ts'

const address = 'http://169.254.169.254/latest/meta-data/'
const image = 'data:image/png;base64,iVBORw0KGgo='

const outcome = (content: unknown, list: 'messages' | 'input' = 'messages'): string =>
  outcomeOf(JSON.stringify({ [list]: [{ role: 'user', content }] }), list)

function outcomeOf(body: string, list: 'messages' | 'input'): string {
  try {
    atOnce(refuseAddresses(JsonText.parse(new TextEncoder().encode(body)), list))
    return 'passes'
  } catch (thrown) {
    return (thrown as { code: string }).code
  }
}

test.each([
  ['an image by its address', { type: 'image_url', image_url: { url: address } }],
  ['the short form', { type: 'image_url', image_url: address }],
  ['a video', { type: 'video_url', video_url: { url: address } }],
  ['audio', { type: 'audio_url', audio_url: { url: address } }],
  ['a file of this machine', { type: 'image_url', image_url: { url: 'file:///etc/passwd' } }],
  ['another scheme', { type: 'image_url', image_url: { url: 'HTTPS://[::1]/x' } }],
])('no engine of ours is sent to fetch %s', (_, part) => {
  expect(outcome([{ type: 'text', text: 'look' }, part])).toBe('unsupported')
})

test('however the key is written', () => {
  const part = String.raw`{"type":"image\u005furl","image\u005furl":{"url":"${address}"}}`
  expect(outcomeOf(`{"messages":[{"role":"user","content":[${part}]}]}`, 'messages')).toBe('unsupported')
})

test('nor by the input of a response', () => {
  expect(outcome([{ type: 'input_image', image_url: address }], 'input')).toBe('unsupported')
  expect(outcome([{ type: 'input_file', file_url: address }], 'input')).toBe('unsupported')
})

test('what comes along in the request passes, and so does talk of addresses', () => {
  expect(outcome([{ type: 'image_url', image_url: { url: image } }])).toBe('passes')
  expect(outcome(`what does "image_url": "${address}" mean? ü`)).toBe('passes')
  expect(outcome([{ type: 'text', text: `"image_url":{"url":"${address}"}` }])).toBe('passes')
})

describe('wherever an engine looks', () => {
  const engine = (row: Readonly<Record<string, unknown>> = {}) => {
    const parsed = backendRow.parse({ kind: 'vllm', url: 'http://127.0.0.1:1/v1', ...row })
    const deps = { place: builtInPlaces.local, send: () => Promise.reject(new Error('no socket here')) }
    return kindOf(parsed).create('gpu', parsed, deps)
  }
  const made = (request: ModelRequest, row?: Readonly<Record<string, unknown>>): unknown => {
    try {
      return outgoingOf(engine(row), request, targetOf('m')).path
    } catch (thrown) {
      return thrown instanceof Failure ? thrown.code : thrown
    }
  }
  const shown: Part = { type: 'image', source: { url: address } }
  const messages = [{ role: 'user' as const, parts: [shown] }]
  const count = (): ModelRequest => ({ ...chatOf('anthropic-count', { messages }), operation: 'count' })
  const counted = {
    model: 'm',
    messages: [{ content: [{ type: 'image_url', image_url: { url: address } }] }],
  }
  const ownCount = () => requestOf('openai-count', counted, { kind: 'chat', messages, rest: {} })

  test('the count of a chat is looked at as the chat is', () => {
    expect(made(count())).toBe('unsupported')
    expect(made(ownCount())).toBe('unsupported')
    expect(made(count(), { mediaUrls: 'fetch' })).toBe('/tokenize')
    expect(made(ownCount(), { mediaUrls: 'fetch' })).toBe('/tokenize')
  })

  test('so is what a tool gave back, in every dialect', () => {
    const responses = { api: 'responses' }
    const output = [{ type: 'input_image', image_url: address }]
    for (const item of [
      { type: 'function_call_output', call_id: 'c', output },
      { type: 'computer_call_output', call_id: 'c', output: output[0] },
    ]) {
      expect(made(requestOf('openai-responses', { model: 'm', input: [item] }), responses)).toBe(
        'unsupported',
      )
    }
    const result = chatOf('anthropic-messages', {
      messages: [{ role: 'user', parts: [{ type: 'tool-result', id: 'c', parts: [shown] }] }],
    })
    expect(made(result, responses)).toBe('unsupported')
    expect(made(result)).toBe('unsupported')
    const tool = { role: 'tool', tool_call_id: 'c', content: [{ type: 'image_url', image_url: address }] }
    expect(made(requestOf('openai-chat', { model: 'm', messages: [tool] }))).toBe('unsupported')
  })

  test.each([
    ['openai-embeddings', { input: 'x' }],
    ['openai-completions', { prompt: 'x' }],
  ] as const)('a chat beside %s does not go out', (dialect, asked) => {
    const request = requestOf(dialect, { model: 'm', ...asked, messages: counted.messages })
    const sent = outgoingOf(engine(), request, targetOf('m'))
    expect(jsonOf(sent)).not.toHaveProperty('messages')
    expect(jsonOf(sent)).toMatchObject(asked)
    expect(sent.warnings).toEqual(['messages'])
  })
})
