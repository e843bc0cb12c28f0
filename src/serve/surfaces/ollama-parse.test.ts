import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'

import { Failure } from '../../core/failure.ts'
import { JsonText } from '../../core/json.ts'
import type { ModelRequest } from '../../core/request.ts'
import { atOnce, inTurns } from '../../core/turns.ts'
import { ollamaChat } from './ollama-chat.ts'
import { ollamaEmbed, ollamaEmbeddings } from './ollama-embed.ts'
import { ollamaGenerate } from './ollama-generate.ts'
import { loadWish } from './ollama-load.ts'

const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 1000)
const surfaces = [ollamaChat, ollamaGenerate, ollamaEmbed, ollamaEmbeddings]
const none = () => undefined

type Body = Record<string, unknown>
const chat = (fields: Body): ModelRequest =>
  ollamaChat.parse(JsonText.from({ model: 'm', messages: [], ...fields }), none)
const generate = (fields: Body): ModelRequest =>
  ollamaGenerate.parse(JsonText.from({ model: 'm', prompt: 'p', ...fields }), none)
const promptOf = (request: ModelRequest) => atOnce(request.prompt())
const user = (content: string) => ({ role: 'user', parts: [{ type: 'text', text: content }] })

function paramOf(run: () => unknown): string | undefined {
  try {
    run()
  } catch (thrown) {
    if (thrown instanceof Failure) return thrown.facts.param
    throw thrown
  }
  return undefined
}

const any = fc.oneof(
  fc.jsonValue({ maxDepth: 1 }),
  fc.constantFrom('user', 'assistant', 'tool', 'json', 'low', '0s', 'aGk='),
)
const innerKeys =
  'role content thinking images tool_calls tool_name tool_call_id id function name arguments parameters num_predict temperature top_k stop seed num_ctx'
const inner = fc.dictionary(fc.constantFrom(...innerKeys.split(' ')), any, { maxKeys: 5 })
const turn = fc.record({
  role: fc.constantFrom('user', 'assistant', 'tool', 'System'),
  content: any,
  tool_calls: fc.array(fc.oneof(inner, fc.record({ function: inner })), { maxLength: 2 }),
})
const keys =
  'model messages prompt input stream think format tools images suffix raw system template context options keep_alive logprobs top_logprobs truncate dimensions x'
const value = fc.oneof(any, inner, fc.array(inner, { maxLength: 2 }), fc.array(turn, { maxLength: 2 }))
const anyFields = fc.dictionary(fc.constantFrom(...keys.split(' ')), value, { maxKeys: 6 })

describe('a request in Ollama’s dialects', () => {
  test('of any JSON at all is read or refused with the field at fault, never broken on', () => {
    fc.assert(
      fc.property(anyFields, fc.boolean(), (fields, likely) => {
        const body = JsonText.from(likely ? { ...fields, model: 'm' } : fields)
        for (const surface of surfaces) {
          try {
            const request = surface.parse(body, none)
            loadWish(request)
            atOnce(request.prompt())
          } catch (thrown) {
            if (!(thrown instanceof Failure)) throw thrown
            expect(['bad_request', 'unsupported']).toContain(thrown.code)
            expect(thrown.facts.param).toBeString()
          }
        }
      }),
      { numRuns },
    )
  })

  test('that is read in slices says what it says when it is read whole', async () => {
    const reading = async (read: () => unknown): Promise<unknown> => {
      try {
        return await read()
      } catch (thrown) {
        if (!(thrown instanceof Failure)) throw thrown
        return { code: thrown.code, ...thrown.facts }
      }
    }
    await fc.assert(
      fc.asyncProperty(anyFields, fc.constantFrom(...surfaces), async (fields, surface) => {
        const bytes = new TextEncoder().encode(JSON.stringify({ ...fields, model: 'm' }))
        const whole = await reading(() => atOnce(surface.parse(JsonText.parse(bytes), none).prompt()))
        const sliced = await reading(async () => {
          const body = await inTurns(JsonText.scanned(bytes), 0)
          return inTurns(surface.parse(body, none).prompt(), 0)
        })
        expect(sliced).toEqual(whole)
      }),
      { numRuns: Math.ceil(numRuns / 4) },
    )
  })

  test('loses no field silently: what no word stands for is kept under its name', () => {
    const known = new Set(
      'model messages stream options format think tools logprobs top_logprobs truncate shift'.split(' '),
    )
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (extra) => {
        const unknown = Object.entries(extra).filter(
          ([key, item]) => !known.has(key) && item !== null && key !== '__proto__',
        )
        const { rest } = promptOf(chat(Object.fromEntries(unknown)))
        expect(Object.keys(rest).toSorted()).toEqual(unknown.map(([key]) => key).toSorted())
      }),
      { numRuns },
    )
  })

  test('says which field is at fault', () => {
    const cases: [Body, string][] = [
      [{ model: '' }, 'model'],
      [{ messages: {} }, 'messages'],
      [{ stream: 1 }, 'stream'],
      [{ options: [] }, 'options'],
      [{ options: { num_predict: 'x' } }, 'options.num_predict'],
      [{ options: { stop: 5 } }, 'options.stop'],
      [{ think: 'much' }, 'think'],
      [{ format: 'xml' }, 'format'],
      [{ messages: [{ role: 'nobody' }] }, 'messages[0].role'],
      [{ messages: [{ role: 'user', images: [5] }] }, 'messages[0].images[0]'],
      [{ messages: [{ role: 'assistant', tool_calls: [{}] }] }, 'messages[0].tool_calls[0].function'],
    ]
    for (const [fields, param] of cases) expect(paramOf(() => promptOf(chat(fields)))).toBe(param)
    expect(paramOf(() => generate({ prompt: ['a'] }))).toBe('prompt')
    expect(paramOf(() => generate({ raw: true, system: 's' }))).toBe('raw')
    expect(paramOf(() => promptOf(generate({ raw: true, images: ['aGk='] })))).toBe('images')
    const embed = ollamaEmbed.parse(JsonText.from({ model: 'm', input: [1] }), none)
    expect(paramOf(() => promptOf(embed))).toBe('input')
  })
})

describe('a chat', () => {
  test('streams unless it says no', () => {
    expect(chat({}).stream).toBe(true)
    expect(chat({ stream: false }).stream).toBe(false)
  })

  test('has its options as sampling; the others are kept by their path', () => {
    const request = chat({
      options: {
        num_predict: 9.7,
        temperature: 0,
        top_k: 5,
        top_p: 0.5,
        seed: 1,
        stop: ['a'],
        presence_penalty: 1,
        frequency_penalty: 2,
        num_ctx: 8192,
        mirostat: 1,
      },
      keep_alive: '30m',
    })
    expect(request.maxOutputTokens).toBe(9)
    expect(promptOf(request)).toEqual({
      kind: 'chat',
      messages: [],
      maxOutputTokens: 9,
      temperature: 0,
      topK: 5,
      topP: 0.5,
      seed: 1,
      stop: ['a'],
      presencePenalty: 1,
      frequencyPenalty: 2,
      rest: { 'options.num_ctx': 8192, 'options.mirostat': 1, keep_alive: '30m' },
    })
    expect(chat({ options: { num_predict: -1 } }).maxOutputTokens).toBeUndefined()
  })

  test('thinks as it is told to, and answers in the format it is told', () => {
    const effort = (think: unknown) => {
      const made = promptOf(chat({ think }))
      return made.kind === 'chat' ? made.reasoningEffort : undefined
    }
    expect([true, false, 'high', undefined].map(effort)).toEqual(['medium', 'none', 'high', undefined])
    expect(promptOf(chat({ format: 'json' }))).toMatchObject({ responseFormat: { type: 'json' } })
    const schema = { type: 'object' }
    expect(promptOf(chat({ format: schema }))).toMatchObject({
      responseFormat: { type: 'json-schema', schema },
    })
  })

  test('pairs results with calls by id, by name, or in their order', () => {
    const call = (name: string, id?: string) => ({
      ...(id !== undefined && { id }),
      function: { name, arguments: { a: 1 } },
    })
    const made = promptOf(
      chat({
        messages: [
          { role: 'assistant', content: '', tool_calls: [call('f'), call('g'), call('f'), call('h', 'own')] },
          { role: 'tool', content: 'g!', tool_name: 'g' },
          { role: 'tool', content: 'h!', tool_call_id: 'own' },
          { role: 'tool', content: 'f1' },
          { role: 'tool', content: 'f2' },
        ],
      }),
    )
    if (made.kind !== 'chat') throw new Error('not a chat')
    const ids = made.messages.flatMap(({ parts }) =>
      parts.flatMap((part) => (part.type === 'tool-call' || part.type === 'tool-result' ? [part.id] : [])),
    )
    expect(ids).toEqual(['call_0', 'call_1', 'call_2', 'own', 'call_1', 'own', 'call_0', 'call_2'])
    expect(made.messages[0]?.parts[0]).toEqual({
      type: 'tool-call',
      id: 'call_0',
      name: 'f',
      input: '{"a":1}',
    })
  })

  test('shows its images before the text, by what they are', () => {
    const made = promptOf(
      chat({ messages: [{ role: 'user', content: 'what?', images: ['/9j/4AAQ', 'iVBORw0K'] }] }),
    )
    expect(made).toMatchObject({
      messages: [
        {
          parts: [
            { type: 'image', source: { mediaType: 'image/jpeg', data: '/9j/4AAQ' } },
            { type: 'image', source: { mediaType: 'image/png', data: 'iVBORw0K' } },
            { type: 'text', text: 'what?' },
          ],
        },
      ],
    })
  })
})

describe('generate', () => {
  test('is a chat of one question, for the model’s template is put around it', () => {
    const request = generate({ system: 's', template: 't', suffix: '' })
    expect(request.operation).toBe('chat')
    expect(promptOf(request)).toEqual({
      kind: 'chat',
      messages: [{ role: 'system', parts: [{ type: 'text', text: 's' }] }, user('p')] as never,
      rest: { template: 't' },
    })
  })

  test('completes a raw text, and what comes before a suffix', () => {
    const raw = generate({ raw: true, options: { num_predict: 3 } })
    expect(raw.operation).toBe('complete')
    expect(promptOf(raw)).toEqual({ kind: 'complete', prompts: ['p'], maxOutputTokens: 3, rest: {} })
    expect(promptOf(generate({ suffix: 'end', system: 's' }))).toEqual({
      kind: 'complete',
      prompts: ['p'],
      suffix: 'end',
      rest: { system: 's' },
    })
  })
})

test('a call that asks nothing loads its model, or lets go of it', () => {
  expect(loadWish(chat({}))).toBe('load')
  expect(loadWish(chat({ messages: null, keep_alive: '0s' }))).toBe('unload')
  expect(loadWish(generate({ prompt: '', keep_alive: 0 }))).toBe('unload')
  expect(loadWish(generate({ prompt: '', keep_alive: -1 }))).toBe('load')
  expect(loadWish(generate({ prompt: '', images: ['aGk='] }))).toBeUndefined()
  expect(loadWish(generate({}))).toBeUndefined()
  expect(loadWish(ollamaEmbed.parse(JsonText.from({ model: 'm', input: [] }), none))).toBe('load')
  expect(loadWish(ollamaEmbed.parse(JsonText.from({ model: 'm', input: ['a'] }), none))).toBeUndefined()
})
