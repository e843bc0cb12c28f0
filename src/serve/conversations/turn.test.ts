import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'

import { atOnce } from '../../core/turns.ts'
import { openSummary, sealSummary } from './compaction.ts'
import { idOf, itemsOf, joinLists, listOf } from './items.ts'
import { ResponseStore } from './response-store.ts'
import { beginTurn, type Past } from './turn.ts'

const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 1000)
const encode = (text: string): Uint8Array => new TextEncoder().encode(text)
const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
/** JSON text as people and programs write it. */
const print = (value: unknown, indent: number): string => JSON.stringify(value, null, indent)

let home: string
let store: ResponseStore
let isOn = true
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'inhouse-turn-'))
  store = await ResponseStore.open({
    home,
    clock: { now: () => 1 },
    settings: () => ({ store: isOn, keepHours: 1, maxBytes: 1e9 }),
  })
})
afterAll(async () => {
  await store.close()
  await rm(home, { recursive: true })
})

const begin = (text: string, recall?: Past['recall']) =>
  beginTurn(encode(text), {
    owner: 'key_a',
    store,
    maxBytes: 2_000_000,
    ...(recall !== undefined && { recall }),
  })

test('lists of any content and spacing in one are all their items in order', () => {
  const lists = fc.array(fc.tuple(fc.array(fc.jsonValue()), fc.nat({ max: 3 })))
  fc.assert(
    fc.property(lists, (all) => {
      const joined = atOnce(joinLists(...all.map(([items, indent]) => encode(print(items, indent)))))
      expect(JSON.parse(decode(joined))).toEqual(JSON.parse(JSON.stringify(all.flatMap(([items]) => items))))
    }),
    { numRuns },
  )
})

test('any list falls into its items, their bytes unchanged, and each item shows its id', () => {
  const key = fc.oneof(fc.string(), fc.constantFrom('id', 'i\u0064', 'content'))
  const item = fc.oneof(fc.jsonValue(), fc.dictionary(key, fc.jsonValue()), fc.record({ id: fc.string() }))
  fc.assert(
    fc.property(fc.array(item), fc.nat({ max: 3 }), (items, indent) => {
      const slices = atOnce(itemsOf(encode(print(items, indent))))
      const plain = JSON.parse(JSON.stringify(items)) as unknown[]
      expect(slices.map((slice): unknown => JSON.parse(decode(slice)))).toEqual(plain)
      expect(JSON.parse(decode(atOnce(listOf(slices))))).toEqual(plain)
      const ids = plain.map((value) => {
        const id =
          typeof value === 'object' && value !== null && !Array.isArray(value) && 'id' in value && value.id
        return typeof id === 'string' ? id : undefined
      })
      expect(slices.map((slice) => atOnce(idOf(slice)))).toEqual(ids)
    }),
    { numRuns },
  )
})

test('an item with a text of many steps, escapes and all, ends where it ends', () => {
  const item = { text: `${'\\"\n\u2028é😀'.repeat(20_000)}"`, id: 'late' }
  const [first, second, ...more] = atOnce(itemsOf(encode(JSON.stringify([item, 7]))))
  expect([decode(first ?? encode('')), decode(second ?? encode('')), more]).toEqual([
    JSON.stringify(item),
    '7',
    [],
  ])
  expect(atOnce(idOf(encode(JSON.stringify(item))))).toBe('late')
})

describe('what a request grows to is bounded', () => {
  const item = { type: 'message', id: 'msg_1', role: 'assistant', content: 'x'.repeat(200_000) }
  const resource = { id: 'resp_1', status: 'completed', output: [item] }
  const references = (count: number): string =>
    JSON.stringify({ input: Array.from({ length: count }, () => ({ type: 'item_reference', id: 'msg_1' })) })
  beforeAll(async () => {
    await store.keep('key_a', {
      id: 'resp_1',
      input: encode('[]'),
      resource: encode(JSON.stringify(resource)),
      items: ['msg_1'],
    })
  })

  test('where it refers to one item many times', async () => {
    const turn = await begin(references(9))
    expect(JSON.parse(decode(turn.input))).toEqual(Array.from({ length: 9 }, () => item))
    for (const count of [10, 2000])
      expect(begin(references(count))).rejects.toMatchObject({ code: 'too_large', facts: { param: 'input' } })
  })

  test('where a long conversation is gone on from', async () => {
    const asked = (length: number): string =>
      JSON.stringify({ previous_response_id: 'resp_1', input: 'w'.repeat(length) })
    expect((await begin(asked(1_700_000))).body.length).toBeLessThanOrEqual(2_000_000)
    expect(begin(asked(1_800_000))).rejects.toMatchObject({ code: 'too_large' })
  })

  test('where it carries one summary many times', async () => {
    const encrypted = await sealSummary('x'.repeat(500_000), 'key_a', store.seal)
    const input = Array.from({ length: 5 }, () => ({ type: 'compaction', encrypted_content: encrypted }))
    expect((await begin(JSON.stringify({ input: input.slice(2) }))).input.length).toBeGreaterThan(1_500_000)
    expect(begin(JSON.stringify({ input }))).rejects.toMatchObject({ code: 'too_large' })
  })
})

test('what a reference does not find stays as it came', async () => {
  const text = '{"input":[ {"type":"item_reference","id":"none","n":1e400}, {"type":"compaction","n":2.0} ]}'
  expect(decode((await begin(text)).body).replaceAll(' ', '')).toBe(text.replaceAll(' ', ''))
})

test('any request gets the conversation before its input, and keeps all else byte for byte', async () => {
  const item = fc.record({ role: fc.constant('user'), content: fc.string() })
  const input = fc.oneof(fc.string(), fc.array(item))
  const others = fc.dictionary(fc.constantFrom('a', 'b', 'metadata', 'tools'), fc.jsonValue())
  await fc.assert(
    fc.asyncProperty(
      fc.array(item),
      fc.array(item),
      input,
      others,
      fc.nat({ max: 2 }),
      async (before, said, own, rest, indent) => {
        const asked = { ...rest, input: own, previous_response_id: 'resp_1', n: 1 }
        const text = print(asked, indent)
        const turn = await begin(text, () => ({
          input: encode(print(before, indent)),
          output: encode(print(said, indent)),
        }))
        const items =
          typeof own === 'string'
            ? [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: own }] }]
            : own
        const whole = [...before, ...said, ...items]
        expect(JSON.parse(decode(turn.input))).toEqual(whole)
        expect(JSON.parse(decode(turn.body))).toEqual({ ...JSON.parse(text), input: whole })
        const at = text.indexOf(`"input":`)
        expect(decode(turn.body).slice(0, at)).toBe(text.slice(0, at))
        expect(decode(turn.body).endsWith(text.slice(text.lastIndexOf('"previous_response_id"')))).toBe(true)
      },
    ),
    { numRuns: Math.min(numRuns, 300) },
  )
})

test('a request that refers to nothing before it is asked as it came', async () => {
  const text = '{ "model" : "m", "input" : [ {"n": 1e400} ], "x": 12345678901234567890 }'
  const turn = await begin(text)
  expect(decode(turn.body)).toBe(text)
  expect(decode(turn.input)).toBe('[ {"n": 1e400} ]')
})

describe('a request is refused', () => {
  const refused = [
    ['{"input":"x","previous_response_id":7}', 'previous_response_id'],
    ['{"input":"x","background":true,"store":false}', 'background'],
    ['{"input":[{"type":"compaction","encrypted_content":"ihc1.AAAA"}]}', 'input'],
  ] as const
  test.each(refused)('%s', async (text, param) => {
    expect(begin(text)).rejects.toMatchObject({ code: 'bad_request', facts: { param } })
  })

  test('that goes on from a response that is not complete', async () => {
    const resource = encode('{"status":"in_progress","output":[]}')
    await store.keep('key_a', { id: 'resp_2', input: encode('[]'), resource, items: [] })
    expect(begin('{"input":"x","previous_response_id":"resp_2"}')).rejects.toMatchObject({
      code: 'bad_request',
    })
  })
})

test('where nothing is kept the answer says so, and only who asked for it is warned', async () => {
  isOn = false
  try {
    const asked = await begin('{"input":"x","store":true}')
    expect([decode(asked.body), asked.warnings]).toEqual(['{"input":"x","store":false}', ['store']])
    const usual = await begin('{"input":"x"}')
    expect([decode(usual.body), usual.warnings]).toEqual(['{"input":"x","store":false}', []])
    expect(begin('{"input":"x","previous_response_id":"resp_9"}')).rejects.toMatchObject({
      code: 'previous_response_unknown',
      help: expect.stringContaining('responses.store'),
    })
  } finally {
    isOn = true
  }
})

test('a summary opens for the key that it was made with, and nobody reads it on its way', async () => {
  const sealed = await sealSummary('The user is Ada.', 'key_a', store.seal)
  expect(Buffer.from(sealed.slice(5), 'base64url').includes('Ada')).toBe(false)
  const item = { type: 'compaction', encrypted_content: sealed }
  expect(JSON.stringify(await openSummary(item, 'key_a', store.seal))).toContain('The user is Ada.')
  expect(openSummary(item, 'key_b', store.seal)).rejects.toMatchObject({ code: 'bad_request' })
  expect(await openSummary({ ...item, encrypted_content: 'gAAAA' }, 'key_a', store.seal)).toBeUndefined()
})
