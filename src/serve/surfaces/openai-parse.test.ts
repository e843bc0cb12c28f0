import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'

import { Failure } from '../../core/failure.ts'
import { JsonText } from '../../core/json.ts'
import type { ModelRequest } from '../../core/request.ts'
import { atOnce, inTurns } from '../../core/turns.ts'
import { surfaces } from './index.ts'
import { openAiChat } from './openai-chat.ts'
import { openAiCompletions } from './openai-completions.ts'
import { openAiEmbeddings } from './openai-embeddings.ts'

const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 1000)
const none = () => undefined
const chat = (fields: Record<string, unknown>): ModelRequest =>
  openAiChat.parse(
    JsonText.from({ model: 'm', messages: [{ role: 'user', content: 'hi' }], ...fields }),
    none,
  )

const prompt = (fields: Record<string, unknown>) => {
  const made = atOnce(chat(fields).prompt())
  if (made.kind !== 'chat') throw new Error('not a chat')
  return made
}

function paramOf(run: () => unknown): string | undefined {
  try {
    run()
  } catch (thrown) {
    if (thrown instanceof Failure && thrown.code === 'bad_request') return thrown.facts.param
    throw thrown
  }
  return undefined
}

const outerKeys =
  `model messages prompt input stream stream_options max_tokens max_completion_tokens n stop tools
  tool_choice response_format encoding_format logprobs x`.split(/\s+/)
const innerKeys = 'role content type text image_url url tool_calls id function name arguments'.split(' ')

const any = fc.oneof(
  fc.jsonValue({ maxDepth: 1 }),
  fc.constantFrom('user', 'assistant', 'tool', 'text', 'image_url', 'function'),
)
const inner = fc.dictionary(fc.constantFrom(...innerKeys), any, { maxKeys: 4 })
const some = fc.array(inner, { maxLength: 2 })
const turn = fc.record({ role: fc.constantFrom('user', 'assistant'), content: some, tool_calls: some })
const value = fc.oneof(any, inner, some, fc.array(turn, { maxLength: 2 }))
const anyFields = fc.dictionary(fc.constantFrom(...outerKeys), value, { maxKeys: 6 })

/** Chats as clients send them, with all that the words know and some that they do not. */
const known = fc.record({ type: fc.constant('text'), text: fc.string({ unit: 'grapheme' }), x: any })
const image = fc.record({ type: fc.constant('image_url'), image_url: fc.record({ url: fc.webUrl() }) })
const call = fc.record({
  id: fc.string(),
  type: fc.constant('function'),
  function: fc.record({ name: fc.string(), arguments: fc.json() }),
})
const content = fc.oneof(
  fc.string(),
  fc.array(fc.oneof({ weight: 9, arbitrary: known }, { weight: 9, arbitrary: image }, inner)),
)
const goodTurn = fc.oneof(
  fc.record({ role: fc.constantFrom('system', 'developer', 'user'), content, name: fc.string() }),
  fc.record({ role: fc.constant('assistant'), content, tool_calls: fc.array(call), reasoning: any }),
  fc.record({ role: fc.constant('tool'), tool_call_id: fc.string(), content }),
)
const tool = fc.record({
  type: fc.constant('function'),
  function: fc.record({ name: fc.string(), description: fc.string(), parameters: fc.jsonValue() }),
})
const chatFields = fc.record({
  model: fc.constant('m'),
  messages: fc.array(goodTurn),
  tools: fc.array(tool),
  tool_choice: fc.constantFrom('auto', 'required', null),
  unknown: fc.jsonValue(),
})

describe('a request', () => {
  test('of any JSON at all is read or refused, never broken on', () => {
    fc.assert(
      fc.property(anyFields, fc.boolean(), (fields, likely) => {
        const body = JsonText.from(
          likely
            ? { model: 'm', messages: [{ role: 'user', content: 'hi' }], prompt: '', input: '', ...fields }
            : fields,
        )
        for (const surface of surfaces) {
          try {
            atOnce(surface.parse(body, none).prompt())
          } catch (thrown) {
            if (!(thrown instanceof Failure)) throw thrown
            expect(thrown.code).toBe('bad_request')
            expect(thrown.facts.param).toBeString()
          }
        }
      }),
      { numRuns },
    )
  })

  test('says which field is at fault', () => {
    const cases: [Record<string, unknown>, string][] = [
      [{ model: '' }, 'model'],
      [{ model: null }, 'model'],
      [{ model: 7 }, 'model'],
      [{ model: 'm'.repeat(513) }, 'model'],
      [{ messages: {} }, 'messages'],
      [{ messages: null }, 'messages'],
      [{ stream: 'yes' }, 'stream'],
      [{ stream_options: 1 }, 'stream_options'],
      [{ stream_options: { include_usage: 1 } }, 'stream_options.include_usage'],
      [{ n: 0 }, 'n'],
      [{ n: 1.5 }, 'n'],
      [{ max_tokens: 0 }, 'max_tokens'],
      [{ max_completion_tokens: '9' }, 'max_completion_tokens'],
    ]
    for (const [fields, param] of cases) expect(paramOf(() => chat(fields))).toBe(param)
    expect(paramOf(() => openAiChat.parse(JsonText.from({ model: 'm' }), none))).toBe('messages')
    expect(
      paramOf(() => openAiChat.parse(JsonText.from({ messages: [{ role: 'user', content: 'hi' }] }), none)),
    ).toBe('model')
    expect(paramOf(() => openAiCompletions.parse(JsonText.from({ model: 'm', prompt: 5 }), none))).toBe(
      'prompt',
    )
    const nothing = JsonText.from({ model: 'm', prompt: null })
    expect(() => openAiCompletions.parse(nothing, none)).toThrow('is missing')
    const embed = (fields: Record<string, unknown>) =>
      openAiEmbeddings.parse(JsonText.from({ model: 'm', ...fields }), none)
    expect(paramOf(() => embed({ input: 5 }))).toBe('input')
    expect(paramOf(() => embed({ input: 'a', encoding_format: 'int8' }))).toBe('encoding_format')
    expect(paramOf(() => atOnce(embed({ input: [1, 'a'] }).prompt()))).toBe('input[0]')
  })

  test('takes null for absent, and the newer name of a limit before the older', () => {
    const request = chat({
      stream: null,
      stream_options: null,
      n: null,
      max_tokens: 5,
      max_completion_tokens: 9,
    })
    expect(request).toMatchObject({ model: 'm', stream: false, wantsUsage: false, maxOutputTokens: 9 })
    expect(chat({ max_tokens: 5 }).maxOutputTokens).toBe(5)
    expect(chat({ stream: true, stream_options: { include_usage: true } }).wantsUsage).toBe(true)
    expect(chat({ stream_options: { include_usage: true } }).wantsUsage).toBe(false)
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
      fc.asyncProperty(fc.oneof(anyFields, chatFields), async (fields) => {
        const bytes = new TextEncoder().encode(JSON.stringify(fields))
        const whole = await reading(() => atOnce(openAiChat.parse(JsonText.parse(bytes), none).prompt()))
        const sliced = await reading(async () => {
          const body = await inTurns(JsonText.scanned(bytes), 0)
          return inTurns(openAiChat.parse(body, none).prompt(), 0)
        })
        expect(sliced).toEqual(whole)
      }),
      { numRuns: Math.ceil(numRuns / 4) },
    )
  })

  test('is decoded into words once, and not before somebody asks', () => {
    const broken = chat({ messages: [{ role: 'nobody' }] })
    expect(paramOf(() => atOnce(broken.prompt()))).toBe('messages[0].role')
    const request = chat({ messages: [{ role: 'user', content: 'hi' }] })
    expect(atOnce(request.prompt())).toBe(atOnce(request.prompt()))
  })
})

describe('a chat in neutral words', () => {
  test('has its turns, calls, results and images', () => {
    const made = prompt({
      messages: [
        { role: 'system', content: 'Be kind.' },
        { role: 'developer', content: [{ type: 'text', text: 'Be brief.' }] },
        {
          role: 'user',
          name: 'ann',
          content: [
            { type: 'text', text: 'Look:' },
            { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA', detail: 'low' } },
            { type: 'image_url', image_url: { url: 'https://example.org/a.png' } },
            { type: 'input_audio', input_audio: { data: 'x', format: 'wav' } },
          ],
        },
        {
          role: 'assistant',
          content: null,
          reasoning_content: 'Hm.',
          tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }],
        },
        { role: 'tool', tool_call_id: 'c1', content: 'done' },
      ],
    })
    expect(made.rest).toEqual({})
    expect(made.messages).toEqual([
      { role: 'system', parts: [{ type: 'text', text: 'Be kind.' }] },
      { role: 'system', parts: [{ type: 'text', text: 'Be brief.' }] },
      {
        role: 'user',
        name: 'ann',
        parts: [
          { type: 'text', text: 'Look:' },
          { type: 'image', source: { mediaType: 'image/png', data: 'AAAA' }, detail: 'low' },
          { type: 'image', source: { url: 'https://example.org/a.png' } },
          {
            type: 'opaque',
            dialect: 'openai-chat',
            value: { type: 'input_audio', input_audio: { data: 'x', format: 'wav' } },
          },
        ],
      },
      {
        role: 'assistant',
        parts: [
          { type: 'reasoning', text: 'Hm.' },
          { type: 'tool-call', id: 'c1', name: 'f', input: '{"a":1}' },
        ],
      },
      { role: 'user', parts: [{ type: 'tool-result', id: 'c1', parts: [{ type: 'text', text: 'done' }] }] },
    ])
  })

  test('has its tools, formats and sampling, and keeps what the words do not cover', () => {
    const schema = { type: 'object' }
    const made = prompt({
      messages: [
        {
          role: 'user',
          content: [{ type: 'text', text: 'a', cache_control: { type: 'ephemeral' } }],
          mood: 1,
        },
      ],
      tools: [
        { type: 'function', function: { name: 'f', description: 'd', parameters: schema, strict: true } },
        { type: 'custom', custom: { name: 'g' } },
      ],
      tool_choice: { type: 'function', function: { name: 'f' } },
      parallel_tool_calls: false,
      response_format: { type: 'json_schema', json_schema: { name: 's', schema, strict: true } },
      reasoning_effort: 'low',
      temperature: 0,
      top_p: 1,
      top_k: 40,
      stop: 'x',
      seed: 1,
      frequency_penalty: 0.5,
      presence_penalty: -0.5,
      max_tokens: 3,
      logprobs: true,
      top_logprobs: 2,
      n: 2,
      user: 'u',
      stream: true,
      stream_options: { include_usage: true },
      metadata: { a: 'b' },
      store: null,
    })
    expect(made).toEqual({
      kind: 'chat',
      messages: [{ role: 'user', parts: [{ type: 'text', text: 'a' }] }],
      tools: [{ name: 'f', description: 'd', parameters: schema, strict: true }],
      toolChoice: { name: 'f' },
      parallelToolCalls: false,
      responseFormat: { type: 'json-schema', name: 's', schema, strict: true },
      reasoningEffort: 'low',
      temperature: 0,
      topP: 1,
      topK: 40,
      stop: ['x'],
      seed: 1,
      frequencyPenalty: 0.5,
      presencePenalty: -0.5,
      maxOutputTokens: 3,
      logprobs: true,
      topLogprobs: 2,
      choices: 2,
      user: 'u',
      rest: {
        'messages[].content[].cache_control': { type: 'ephemeral' },
        'messages[].mood': 1,
        'tools[].custom': { name: 'g' },
        metadata: { a: 'b' },
      },
    })
    expect(prompt({ response_format: { type: 'json_object' } }).responseFormat).toEqual({ type: 'json' })
    expect(
      prompt({ response_format: { type: 'grammar', grammar: 'x' }, tool_choice: { type: 'allowed_tools' } }),
    ).toEqual({
      kind: 'chat',
      messages: [{ role: 'user', parts: [{ type: 'text', text: 'hi' }] }],
      rest: { response_format: { type: 'grammar', grammar: 'x' }, tool_choice: { type: 'allowed_tools' } },
    })
  })
})

test('prompts of completions and inputs of embeddings are lists of texts or token ids', () => {
  const inputs: [unknown, unknown][] = [
    ['a', ['a']],
    [
      ['a', 'b'],
      ['a', 'b'],
    ],
    [[1, 2], [[1, 2]]],
    [
      [[1], [2, 3]],
      [[1], [2, 3]],
    ],
  ]
  for (const [input, expected] of inputs) {
    const completion = openAiCompletions.parse(
      JsonText.from({ model: 'm', prompt: input, suffix: 's', echo: true, logprobs: 2, best_of: 3 }),
      none,
    )
    expect(atOnce(completion.prompt()) as unknown).toEqual({
      kind: 'complete',
      prompts: expected,
      suffix: 's',
      echo: true,
      logprobs: 2,
      rest: { best_of: 3 },
    })
    const embedding = openAiEmbeddings.parse(
      JsonText.from({ model: 'm', input, dimensions: 8, user: 'u' }),
      none,
    )
    expect(atOnce(embedding.prompt()) as unknown).toEqual({
      kind: 'embed',
      inputs: expected,
      encoding: 'float',
      dimensions: 8,
      rest: { user: 'u' },
    })
  }
})
