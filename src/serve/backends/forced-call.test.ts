import { afterAll, describe, expect, test } from 'bun:test'

import fc from 'fast-check'

import type { Outgoing } from '../../core/backend.ts'
import type { ModelEvent } from '../../core/event.ts'
import { Failure } from '../../core/failure.ts'
import { JsonText } from '../../core/json.ts'
import { builtInPlaces } from '../../core/place.ts'
import { atOnce } from '../../core/turns.ts'
import { jsonOf, outgoingOf, requestOf, targetOf, textOf } from '../../testing/asking.ts'
import { realApp, type RealApp } from '../../testing/real-app.ts'
import { Draft } from './draft.ts'
import { forceCall, readingCall } from './forced-call.ts'
import { OpenAiReading } from './openai-read.ts'
import { backendRow, kindOf } from './index.ts'

const row = backendRow.parse({ kind: 'llama-server' })
const backend = kindOf(row).create('here', row, {
  place: builtInPlaces.local,
  send: () => Promise.reject(new Error('no socket here')),
})

const weather = {
  type: 'function',
  function: {
    name: 'weather',
    description: 'The weather of a city',
    parameters: {
      properties: { city: { $ref: '#/$defs/city' } },
      required: ['city'],
      additionalProperties: false,
      $defs: { city: { type: 'string' } },
    },
  },
} as const
const clock = { type: 'function', function: { name: 'clock' } } as const
const byName = (name: string) => ({ type: 'function', function: { name } })

const ask = (choice: unknown, tools?: unknown): Outgoing =>
  outgoingOf(
    backend,
    requestOf('openai-chat', {
      model: 'm',
      messages: [],
      ...(tools === undefined ? {} : { tools }),
      tool_choice: choice,
    }),
    targetOf('m'),
  )
const schemaOf = (outgoing: Outgoing): unknown =>
  (jsonOf(outgoing)['response_format'] as { json_schema: { schema: unknown } }).json_schema.schema

describe('a call that must come', () => {
  test('binds the answer to the arguments where only one function may be called', () => {
    const expected = { type: 'object', ...weather.function.parameters }
    expect(schemaOf(ask('required', [weather]))).toEqual(expected)
    const sent = ask(byName('weather'), [clock, weather])
    expect(schemaOf(sent)).toEqual(expected)
    expect(jsonOf(sent)).toMatchObject({ tool_choice: 'none', tools: [clock, weather] })
    expect(sent).toMatchObject({ mustEncode: true, warnings: [] })
  })

  test('binds the answer to one of the calls otherwise, each schema with what it refers to', () => {
    const oneOf = (name: string, at: number) => ({
      type: 'object',
      properties: { name: { const: name }, arguments: { $ref: `#/$defs/f${at}` } },
      required: ['name', 'arguments'],
      additionalProperties: false,
    })
    const city = { $ref: '#/$defs/f0/$defs/city' }
    expect(schemaOf(ask('required', [weather, clock]))).toEqual({
      anyOf: [oneOf('weather', 0), oneOf('clock', 1)],
      $defs: {
        f0: { type: 'object', ...weather.function.parameters, properties: { city } },
        f1: { type: 'object', properties: {}, additionalProperties: false },
      },
    })
  })

  test('leaves a free choice byte for byte alone', () => {
    for (const choice of ['auto', 'none', null]) {
      expect(jsonOf(ask(choice, [weather]))).toMatchObject({ tool_choice: choice, tools: [weather] })
      expect(ask(choice, [weather]).mustEncode).toBe(false)
    }
  })

  test('is named in a warning where it cannot be had, and refused where the function is unknown', () => {
    expect(ask('required').warnings).toEqual(['tool_choice'])
    expect(ask({ type: 'allowed_tools' }, [weather]).warnings).toEqual(['tool_choice'])
    expect(() => ask(byName('other'), [weather])).toThrow(
      new Failure('bad_request', '`tool_choice` names a function that is not in `tools`.'),
    )
  })

  test('is refused where `tools` is malformed', () => {
    const functions = [null, 'x', [], {}, { name: 1 }, { name: 'f', parameters: [1] }]
    const wrong = [{}, 'x', 5, [null], [5], [[]], ...functions.map((about) => [weather, { function: about }])]
    for (const tools of wrong) {
      for (const choice of ['required', byName('weather')]) {
        const asked = () => ask(choice, tools)
        expect(asked).toThrow(Failure)
        expect(asked).toThrow(
          expect.objectContaining({
            code: 'bad_request',
            facts: expect.objectContaining({ param: 'tools' }),
          }),
        )
      }
    }
  })

  test('leaves a choice of no known kind to the engine, whatever the tools are', () => {
    for (const choice of [5, {}, [], true, 'x', { function: null }, { function: {} }]) {
      for (const tools of [undefined, [weather], [null], 'x']) {
        expect(ask(choice, tools).warnings).toEqual(['tool_choice'])
        expect(jsonOf(ask(choice, tools))['tool_choice']).toEqual(choice)
      }
    }
    expect(ask(null, [null]).warnings).toEqual([])
  })

  test('takes the place of another format, and keeps every key of a schema', () => {
    const body = (format: string): string =>
      `{"model":"m"${format},"tools":[{"function":{"name":"f","parameters":{"__proto__":{"a":[[1],{}]}}}}],"tool_choice":"required"}`
    for (const format of ['', ',"response_format":{"type":"text"}', ',"response_format":null']) {
      const sent = textOf(outgoingOf(backend, requestOf('openai-chat', body(format)), targetOf('m')))
      expect(sent).toContain('"schema":{"type":"object","__proto__":{"a":[[1],{}]}}')
      expect(sent.match(/response_format/g)).toHaveLength(1)
      expect(() => JsonText.parse(new TextEncoder().encode(sent))).not.toThrow()
    }
  })

  test('is made of large schemas in many small steps', () => {
    let seen = 0
    const properties = new Proxy(
      Object.fromEntries(Array.from({ length: 5000 }, (_, at) => [`p${at}`, { $ref: '#/$defs/city' }])),
      { get: (target, key) => (seen++, Reflect.get(target, key)) },
    )
    const tool = { function: { name: 'f', parameters: { properties } } }
    for (const tools of [[tool], [tool, tool]]) {
      const draft = new Draft(JsonText.from({ tools, tool_choice: 'required' }))
      const work = forceCall(draft)
      let steps = 0
      let most = 0
      do {
        seen = 0
        steps++
        if (work.next().done === true) break
        most = Math.max(most, seen)
      } while (steps < 100_000)
      expect(most).toBeWithin(1, 1000)
      // Each property is printed by itself.
      expect(steps).toBeGreaterThan(5000 * tools.length)
      const sent = new TextDecoder().decode(atOnce(draft.bytes()))
      expect(sent).toContain(`"p4999":{"$ref":"#${tools.length === 1 ? '' : '/$defs/f1'}/$defs/city"}`)
    }
  })

  test('looks through many tools in steps', () => {
    const tools = [weather, ...Array.from({ length: 5000 }, () => ({ type: 'custom' }))]
    const draft = new Draft(JsonText.from({ tools, tool_choice: 'required' }))
    expect([...forceCall(draft)].length).toBeGreaterThan(10)
  })
})

/** The events of an answer whose text comes in these pieces. */
const read = (name: string | undefined, pieces: readonly string[], reason = 'stop'): ModelEvent[] => {
  const reading = readingCall(new OpenAiReading(), { name })
  const choices = [...pieces.map((content) => ({ delta: { content } })), { delta: {}, finish_reason: reason }]
  return choices.flatMap((choice) =>
    reading.message({ data: JSON.stringify({ id: 'a', choices: [{ index: 0, ...choice }] }) }),
  )
}
const inputOf = (events: readonly ModelEvent[]): string =>
  events.map((event) => (event.type === 'tool-input' ? event.json : '')).join('')

describe('an answer that is bound to a call', () => {
  test('is that call, however its text is cut', () => {
    const input = fc.dictionary(
      fc.string({ unit: fc.constantFrom('"', '\\', '{', '}', 'a') }),
      fc.jsonValue(),
    )
    const gap = fc.constantFrom('', ' ', '\n  ')
    fc.assert(
      fc.property(input, gap, fc.boolean(), fc.nat(9), (of, space, isNamed, size) => {
        const json = JSON.stringify(of, undefined, space)
        const text = isNamed
          ? `\`\`\`json\n${json}\n\`\`\``
          : `{${space}"name"${space}:${space}"f\\u0031", "arguments":${space}${json}${space}}`
        const pieces = text.match(new RegExp(`[^]{1,${size + 1}}`, 'g')) ?? []
        const events = read(isNamed ? 'f1' : undefined, pieces)
        expect(events.slice(0, 2)).toMatchObject([
          { type: 'start' },
          { type: 'tool-call', index: 0, id: 'call_a_0_0', name: 'f1' },
        ])
        expect(inputOf(events)).toBe(json)
        expect(events.at(-1)).toEqual({ type: 'finish', reason: 'tool-calls' })
      }),
      { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 1000) },
    )
  })

  test('that reached its limit says so, with the arguments as far as they came', () => {
    const events = read('f', ['{"city":"Pa'], 'length')
    expect(inputOf(events)).toBe('{"city":"Pa')
    expect(events.at(-1)).toEqual({ type: 'finish', reason: 'length' })
  })

  test('is told as it came where it is no call after all', () => {
    expect(read('f', ['No', '.']).slice(1)).toEqual([
      { type: 'text', text: 'No.' },
      { type: 'finish', reason: 'stop' },
    ])
  })
})

describe('the real engine', () => {
  let inhouse: Promise<RealApp> | undefined
  afterAll(async () => {
    await (await inhouse)?.[Symbol.asyncDispose]()
  })

  interface Call {
    readonly function: { readonly name: string; readonly arguments: string }
  }

  async function callOf(model: string, choice: unknown): Promise<unknown> {
    inhouse ??= realApp()
    const { url, key } = await inhouse
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model,
        messages: [{ role: 'user', content: 'What is the weather in Paris?' }],
        tools: [clock, weather],
        tool_choice: choice,
        temperature: 0,
        max_tokens: 100,
      }),
    })
    const answer = (await response.json()) as {
      choices: readonly { message: { tool_calls?: readonly Call[] }; finish_reason: string }[]
    }
    const [first] = answer.choices
    const [call] = first?.message.tool_calls ?? []
    return {
      finish: first?.finish_reason,
      name: call?.function.name,
      keys: call && Object.keys(JSON.parse(call.function.arguments) as object),
    }
  }

  test.each(['small', 'tooled'])(
    'makes the call that %s must make, whether its template knows tools or not',
    async (model) => {
      const { name } = (await callOf(model, 'required')) as { name: string }
      expect(['clock', 'weather']).toContain(name)
      expect(await callOf(model, byName('weather'))).toEqual({
        finish: 'tool_calls',
        name: 'weather',
        keys: ['city'],
      })
    },
    600_000,
  )
})
