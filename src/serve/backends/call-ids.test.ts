import { expect, test } from 'bun:test'

import { builtInPlaces } from '../../core/place.ts'
import type { Message } from '../../core/request.ts'
import { chatOf, outgoingOf, requestOf, targetOf, textOf } from '../../testing/asking.ts'
import { callId } from './gemini-seal.ts'
import { backendRow, kindOf } from './index.ts'

const sealed = callId('call_x', { id: 'i', signature: 'S'.repeat(800) })
const kimi = 'functions.read:0'

const rows = {
  chat: { kind: 'openai', api: 'chat' },
  responses: { kind: 'openai', api: 'responses' },
  anthropic: { kind: 'anthropic' },
} as const

const bodies = {
  chat: [
    'openai-chat',
    (id: string) => [
      { role: 'assistant', tool_calls: [{ id, type: 'function', function: { name: 'f', arguments: '{}' } }] },
      { role: 'tool', tool_call_id: id, content: `"${id}"` },
    ],
  ],
  responses: [
    'openai-responses',
    (id: string) => [
      { type: 'function_call', call_id: id, name: 'f', arguments: '{}' },
      { type: 'function_call_output', call_id: id, output: `"${id}"` },
    ],
  ],
  anthropic: [
    'anthropic-messages',
    (id: string) => [
      { role: 'assistant', content: [{ type: 'tool_use', id, name: 'f', input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: `"${id}"` }] },
    ],
  ],
} as const

const takes = { chat: /^[^]{1,40}$/, responses: /^[^]{1,64}$/, anthropic: /^[\w-]{1,64}$/ } as const

const apis = ['chat', 'responses', 'anthropic'] as const
type Api = (typeof apis)[number]

const backend = (api: Api) => {
  const row = backendRow.parse(rows[api])
  const deps = { place: builtInPlaces.cloud, send: () => Promise.reject(new Error('no socket here')) }
  return kindOf(row).create('b', row, deps)
}

const idsIn = (text: string): string[] =>
  [...text.matchAll(/"(?:tool_call_id|call_id|tool_use_id|id)":"([^"]*)"/g)].map(([, id = '']) => id)

const translated = (api: Api, id: string): string => {
  const messages: Message[] = [
    { role: 'assistant', parts: [{ type: 'tool-call', id, name: 'f', input: '{}' }] },
    { role: 'user', parts: [{ type: 'tool-result', id, parts: [{ type: 'text', text: 'r' }] }] },
  ]
  return textOf(outgoingOf(backend(api), chatOf('ollama-chat', { messages }), targetOf('m')))
}

const same = (api: Api, id: string): string => {
  const [dialect, turns] = bodies[api]
  const list = api === 'responses' ? 'input' : 'messages'
  const body = { model: 'm', max_tokens: 9, store: false, [list]: turns(id) }
  return textOf(outgoingOf(backend(api), requestOf(dialect, body), targetOf('m')))
}

test.each(apis)(
  'an id that carries Gemini’s seal is short at others, and one in call and result: %s',
  (api) => {
    for (const text of [translated(api, sealed), same(api, sealed)]) {
      const [call = '', result] = idsIn(text)
      expect(call).toMatch(takes[api])
      expect(result).toBe(call)
    }
    expect(idsIn(same(api, sealed))).toEqual(idsIn(translated(api, sealed)))
    // A text that only names an id is as it was.
    expect(same(api, sealed)).toContain(JSON.stringify(`"${sealed}"`))
  },
)

test.each(apis)('two ids stay two: %s', (api) => {
  const other = callId('call_y', { id: 'i', signature: 'S'.repeat(800) + 'T' })
  expect(idsIn(same(api, sealed))).not.toEqual(idsIn(same(api, other)))
})

test.each(apis)('an id that the interface takes goes out as it came: %s', (api) => {
  for (const id of ['call_1', 'gemini_notasealbutlongenoughtobenoticedbyanyone'.slice(0, 40)]) {
    expect(idsIn(same(api, id))).toEqual([id, id])
    expect(idsIn(translated(api, id))).toEqual([id, id])
  }
})

test('letters that Anthropic does not take are those of others’ ids', () => {
  expect(idsIn(translated('chat', kimi))).toEqual([kimi, kimi])
  const [call = '', result] = idsIn(translated('anthropic', kimi))
  expect(call).toMatch(takes.anthropic)
  expect(result).toBe(call)
})
