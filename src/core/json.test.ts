import { describe, expect, spyOn, test } from 'bun:test'
import fc from 'fast-check'

import { Failure } from './failure.ts'
import { decodeJson } from './json-decode.ts'
import { JsonText } from './json.ts'
import { atOnce, inTurns } from './turns.ts'

const runs = { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 1000) }
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (value: Uint8Array): string => new TextDecoder().decode(value)
const parse = (json: string): JsonText => JsonText.parse(bytes(json))

function codeOf(act: () => unknown): string | undefined {
  try {
    act()
    return undefined
  } catch (thrown) {
    if (thrown instanceof Failure) return thrown.code
    throw thrown
  }
}

/** JSON text as people write it: odd spacing, escapes, numbers that no double can hold. */
const spaced = fc.constantFrom('', ' ', '\n', '\t', ' \r\n ')
const oddNumber = fc.constantFrom('12345678901234567890', '1.10', '-0', '1e400', '0.1000000000000000055')
const jsonValue: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    oddNumber,
    fc.string({ unit: 'grapheme' }).map((value) => JSON.stringify(value)),
    fc.constantFrom('true', 'false', 'null', '"\\u00e9\\n\\""', '{}', '[]', '[ ]'),
    fc
      .tuple(spaced, fc.array(tie('value'), { maxLength: 4 }))
      .map(([gap, items]) => `[${gap}${items.join(`${gap},`)}${gap}]`),
    objectOf(tie('value')),
  ),
})).value
function objectOf(value: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .tuple(
      spaced,
      fc.uniqueArray(fc.tuple(fc.string({ maxLength: 6 }), value), {
        selector: ([key]) => key,
        maxLength: 5,
      }),
    )
    .map(
      ([gap, members]) =>
        `{${gap}${members.map(([key, of]) => `${JSON.stringify(key)}${gap}:${gap}${of}`).join(`${gap},${gap}`)}${gap}}`,
    )
}
const jsonObject = objectOf(jsonValue)

describe('a JSON text', () => {
  test('reads what JSON.parse reads', () => {
    fc.assert(
      fc.property(jsonObject, (json) => {
        expect(parse(json).value()).toEqual(JSON.parse(json) as Record<string, unknown>)
      }),
      runs,
    )
  })

  test('accepts exactly the objects that JSON.parse accepts, but for keys named twice', () => {
    const broken = fc
      .tuple(
        jsonObject,
        fc.nat(),
        fc.constantFrom('', '"', '{', '}', ',', ':', '0', '\\', '\u0001', ']', 'x', '-'),
      )
      .map(
        ([json, at, put]) =>
          json.slice(0, at % (json.length + 1)) + put + json.slice((at % (json.length + 1)) + 1),
      )
    fc.assert(
      fc.property(broken, (json) => {
        const ours = codeOf(() => parse(json))
        if (ours === 'duplicate_key') return
        let theirs: unknown
        try {
          theirs = JSON.parse(json)
        } catch {
          theirs = undefined
        }
        const isObject = typeof theirs === 'object' && theirs !== null && !Array.isArray(theirs)
        expect(ours === undefined).toBe(isObject)
      }),
      runs,
    )
  })

  test('meets arbitrary bytes with a Failure or not at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (any) => {
        const code = codeOf(() => JsonText.parse(any))
        expect(code === undefined || code === 'bad_json' || code === 'duplicate_key').toBe(true)
      }),
      runs,
    )
  })

  test('read in steps, its members too, is what JSON.parse reads', () => {
    const odd = fc.constantFrom(
      '{"__proto__":{"a":1}}',
      '"\\ufeff"',
      '"\ufeff\\\\"',
      '"\\ud800"',
      '-0.0e+1',
      '{"":[]}',
    )
    fc.assert(
      fc.property(jsonObject, fc.oneof(jsonValue, odd), fc.nat(60), (json, more, mostAtOnce) => {
        const source = `{ "more" :${more} ,"json":${json}}`
        const body = atOnce(JsonText.scanned(bytes(source)))
        atOnce(body.decoding())
        const expected = JSON.parse(source) as Record<string, unknown>
        expect(body.value()).toEqual(expected)
        expect(JSON.stringify(body.value())).toBe(JSON.stringify(expected))
        expect(atOnce(decodeJson(bytes(source), 0, mostAtOnce))).toEqual(expected)
      }),
      runs,
    )
  })

  test('keeps long texts whole, wherever their pieces are cut', () => {
    const unit = fc.constantFrom(
      'a',
      'é',
      '€',
      '😀',
      '\\n',
      '\\"',
      '\\\\',
      '\\u00e9',
      '\\ud83d\\ude00',
      '\\ud800',
    )
    fc.assert(
      fc.property(fc.array(unit, { minLength: 1, maxLength: 9 }), fc.nat(9), (units, shift) => {
        const source = `{"t":"${'x'.repeat(shift)}${units.join('').repeat(20_000)}"}`
        const expected = JSON.parse(source) as { t: string }
        const read = atOnce(decodeJson(bytes(source), 0)) as typeof expected
        expect(read.t === expected.t).toBe(true)
        expect(text(JsonText.from(expected).bytes) === JSON.stringify(expected)).toBe(true)
      }),
      { numRuns: Math.ceil(runs.numRuns / 50) },
    )
  })

  test('printed in steps is what JSON.stringify prints, and knows where its members stand', () => {
    const many = fc.array(fc.jsonValue({ maxDepth: 1 }), { minLength: 60, maxLength: 90 })
    const value = fc.dictionary(
      fc.string({ unit: 'binary' }),
      fc.oneof(fc.jsonValue(), many, fc.constant(undefined), fc.string({ unit: 'binary', minLength: 500 })),
    )
    fc.assert(
      fc.property(value, (of) => {
        const printed = JsonText.from(of)
        expect(text(printed.bytes)).toBe(JSON.stringify(of))
        const parsed = JsonText.parse(printed.bytes)
        expect(JSON.stringify(printed.value())).toBe(JSON.stringify(parsed.value()))
        for (const key of parsed.keys()) expect(printed.span(key)).toEqual(parsed.span(key))
      }),
      { numRuns: Math.ceil(runs.numRuns / 4) },
    )
  })

  test('refuses a key named twice, at any depth and however it is written', () => {
    expect(codeOf(() => parse('{"a":1,"a":2}'))).toBe('duplicate_key')
    expect(codeOf(() => parse('{"x":[{"a":1,"\\u0061":2}]}'))).toBe('duplicate_key')
  })

  test('refuses what is not UTF-8, has a byte order mark, or is nested without end', () => {
    expect(codeOf(() => JsonText.parse(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d)))).toBe(
      'bad_json',
    )
    expect(codeOf(() => parse('\ufeff{}'))).toBe('bad_json')
    expect(codeOf(() => parse(`{"a":${'['.repeat(100_000)}`))).toBe('bad_json')
  })
})

describe('a large JSON text', () => {
  const numbers = `[${Array<number>(500_000).fill(1).join(',')}]`
  const keys = `{${Array.from({ length: 75_000 }, (_, at) => `"key${at}":1`).join(',')}}`
  const escapes = `"${'\\n\\"é'.repeat(120_000)}"`

  test.each([
    ['numbers', `{"x":${numbers}}`],
    ['keys', keys],
    ['escapes', escapes],
    ['lists', `[${numbers},${numbers}]`],
  ])('with a field of many %s never has the engine’s parser busy for long', async (_, field) => {
    const source = `{"field":${field},"more":1}`
    const parser = spyOn(JSON, 'parse')
    try {
      const body = await JsonText.read(bytes(source))
      expect(codeOf(() => body.get('field'))).toBe(field.startsWith('[') ? 'bad_request' : undefined)
      await inTurns(body.decoding())
      body.get('field')
      await inTurns(body.editing([{ path: ['field', 'a'], value: 1 }]))
      expect(Math.max(0, ...parser.mock.calls.map(([json]) => json.length))).toBeLessThan(256 * 1024)
    } finally {
      parser.mockRestore()
    }
  })

  test('has no long list but where it is looked for', async () => {
    const body = await JsonText.read(bytes(`{"n":${numbers},"options":${keys},"text":${escapes},"few":[1]}`))
    expect(codeOf(() => body.get('n'))).toBe('bad_request')
    expect(body.typeOf('n')).toBe('list')
    expect(body.get('options')).toEqual(JSON.parse(keys))
    expect(body.get('text')).toBe(JSON.parse(escapes))
    expect(body.get('few')).toEqual([1])
    await inTurns(body.decoding())
    expect(body.get('n')).toEqual(JSON.parse(numbers))
  })

  test('is edited in many small steps, deep in it too', () => {
    const body = atOnce(JsonText.scanned(bytes(`{"options":${keys}}`)))
    const work = body.editing([{ path: ['options', 'key7'], value: 2 }])
    let steps = 0
    let step = work.next()
    for (; step.done !== true; step = work.next()) steps++
    expect(steps).toBeGreaterThan(keys.length / 16_384)
    expect(text(step.value)).toBe(`{"options":${keys.replace('"key7":1', '"key7":2')}}`)
  })
})

describe('an edit', () => {
  test('leaves every byte outside its span: long numbers, key order and spacing survive', () => {
    const source = '{ "n" : 12345678901234567890,\n  "model":"a" , "z":1.10 }'
    const edited = parse(source).edit([{ path: ['model'], value: 'b' }])
    expect(text(edited)).toBe('{ "n" : 12345678901234567890,\n  "model":"b" , "z":1.10 }')
  })

  test('makes the objects on its way, and replaces what is no object', () => {
    const path = ['stream_options', 'include_usage']
    expect(text(parse('{}').edit([{ path, value: true }]))).toBe('{"stream_options":{"include_usage":true}}')
    expect(text(parse('{"stream_options":null}').edit([{ path, value: true }]))).toBe(
      '{"stream_options":{"include_usage":true}}',
    )
    expect(text(parse('{"stream_options":{"x":1}}').edit([{ path, value: true }]))).toBe(
      '{"stream_options":{"x":1,"include_usage":true}}',
    )
  })

  test('changes the value as setting and deleting on the parsed object would, whatever the text', () => {
    const keys = fc.constantFrom('a', 'b', 'c', 'model', '')
    const objects = fc
      .uniqueArray(fc.tuple(keys, jsonValue), { selector: ([key]) => key, maxLength: 5 })
      .map((members) => `{${members.map(([key, value]) => `${JSON.stringify(key)} :${value} `).join(',')}}`)
    const edits = fc.uniqueArray(fc.tuple(keys, fc.option(fc.jsonValue(), { nil: undefined })), {
      selector: ([key]) => key,
    })
    fc.assert(
      fc.property(objects, edits, (json, changes) => {
        const expected = new Map(Object.entries(JSON.parse(json) as Record<string, unknown>))
        for (const [key, value] of changes) {
          if (value === undefined) expected.delete(key)
          else expected.set(key, JSON.parse(JSON.stringify(value)))
        }
        const edited = parse(json).edit(changes.map(([key, value]) => ({ path: [key], value })))
        const got = new Map(Object.entries(JSON.parse(text(edited)) as Record<string, unknown>))
        expect(got).toEqual(expected)
      }),
      runs,
    )
  })
})
