import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import type OpenAI from 'openai'
import { ChatCompletionStream } from 'openai/lib/ChatCompletionStream'
import { Stream } from 'openai/streaming'

import type { ModelEvent } from '../../core/event.ts'
import { JsonText } from '../../core/json.ts'
import type { AnswerFacts } from '../../core/surface.ts'
import { reported } from '../../core/usage.ts'
import { openAiChat } from './openai-chat.ts'

const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 1000)
type Chunk = OpenAI.ChatCompletionChunk

const factsFor = (fields: Record<string, unknown> = {}): AnswerFacts => ({
  requestId: 'r1',
  created: 1700000000,
  request: openAiChat.parse(
    JsonText.from({ model: 'small', messages: [{ role: 'user', content: 'hi' }], stream: true, ...fields }),
    () => undefined,
  ),
})
const withUsage = factsFor({ stream_options: { include_usage: true } })

function streamed(events: readonly ModelEvent[], facts: AnswerFacts): string {
  const writer = openAiChat.stream(facts)
  return events.map((event) => String(writer.write(event))).join('')
}

/** What OpenAI's own client makes of a stream. */
async function chunksOf(text: string): Promise<Chunk[]> {
  const chunks: Chunk[] = []
  for await (const chunk of Stream.fromSSEResponse<Chunk>(new Response(text), new AbortController()))
    chunks.push(chunk)
  return chunks
}

const errorOf = (text: string): Promise<string> =>
  chunksOf(text).then(
    () => 'none',
    (error: unknown) => String(error),
  )

const dataOf = (text: string): unknown[] =>
  text
    .split('\n\n')
    .slice(0, -1)
    .map((message) => message.replace(/^data: /, ''))
    .map((data) => (data === '[DONE]' ? data : (JSON.parse(data) as unknown)))

const hello: readonly ModelEvent[] = [
  { type: 'start', id: 'chatcmpl-7', model: 'small-1', created: 1700000001 },
  { type: 'reasoning', text: 'Hm.' },
  { type: 'text', text: 'Hel' },
  { type: 'text', text: 'lo' },
  {
    type: 'usage',
    usage: { input: reported(5), output: reported(2), cached: reported(4), reasoning: reported(1) },
  },
  { type: 'finish', reason: 'stop' },
  { type: 'end' },
]

describe('a streamed chat answer', () => {
  test('has the chunks of OpenAI in their order, with usage where it was asked for', () => {
    const head = {
      id: 'chatcmpl-7',
      object: 'chat.completion.chunk',
      created: 1700000001,
      model: 'small-1',
    } as const
    const chunk = (delta: object, finish: 'stop' | null = null) => ({
      ...head,
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
      usage: null,
    })
    const expected = [
      chunk({ role: 'assistant', content: '', refusal: null }),
      chunk({ reasoning_content: 'Hm.' }),
      chunk({ content: 'Hel' }),
      chunk({ content: 'lo' }),
      chunk({}, 'stop'),
      {
        ...head,
        choices: [],
        usage: {
          prompt_tokens: 5,
          completion_tokens: 2,
          total_tokens: 7,
          prompt_tokens_details: { cached_tokens: 4 },
          completion_tokens_details: { reasoning_tokens: 1 },
        },
      },
    ] satisfies Chunk[]
    expect(dataOf(streamed(hello, withUsage))).toEqual([...expected, '[DONE]'])
    const unasked = JSON.stringify([...expected.slice(0, -1), '[DONE]']).replaceAll(',"usage":null', '')
    expect(JSON.stringify(dataOf(streamed(hello, factsFor())))).toBe(unasked)
  })

  test('names a call once, with id, type and name, and then only its arguments', async () => {
    const events: ModelEvent[] = [
      { type: 'start' },
      { type: 'tool-call', index: 0, id: 'call_a', name: 'find' },
      { type: 'tool-input', index: 0, json: '{"q":' },
      { type: 'tool-input', index: 0, json: '"x"}' },
      { type: 'tool-call', index: 1, id: 'call_b', name: 'stop' },
      { type: 'tool-input', index: 1, json: '{}' },
      { type: 'finish', reason: 'tool-calls' },
      { type: 'end' },
    ]
    const chunks = await chunksOf(streamed(events, factsFor()))
    expect(chunks.flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? [])).toEqual([
      { index: 0, id: 'call_a', type: 'function', function: { name: 'find', arguments: '' } },
      { index: 0, function: { arguments: '{"q":' } },
      { index: 0, function: { arguments: '"x"}' } },
      { index: 1, id: 'call_b', type: 'function', function: { name: 'stop', arguments: '' } },
      { index: 1, function: { arguments: '{}' } },
    ])
    const lines = new Response(chunks.map((chunk) => `${JSON.stringify(chunk)}\n`).join('')).body
    if (lines === null) throw new Error('no body')
    const final = await ChatCompletionStream.fromReadableStream(lines).finalChatCompletion()
    const whole = JSON.parse(String(openAiChat.whole(events, factsFor()))) as OpenAI.ChatCompletion
    expect(final.choices[0]?.message.tool_calls).toMatchObject(whole.choices[0]?.message.tool_calls ?? [])
    expect(whole.choices[0]?.message.content).toBeNull()
    expect(whole.choices[0]?.finish_reason).toBe('tool_calls')
  })

  test('that fails ends with the error and without [DONE]', async () => {
    const text = streamed(
      [
        { type: 'text', text: 'Hel' },
        { type: 'failure', code: 'stalled', facts: { message: 'gpu sent nothing more for 60000 ms.' } },
        { type: 'end' },
      ],
      withUsage,
    )
    expect(text).not.toContain('[DONE]')
    expect(dataOf(text).at(-1)).toMatchObject({
      error: { type: 'server_error', code: 'stalled', param: null },
    })
    expect(await errorOf(text)).toContain('gpu sent nothing more')
  })

  test('that fails with an upstream’s error over several lines is still one message', async () => {
    const body = new TextEncoder().encode('{\n  "error": {"message": "too hot",\n "code": 500}\n}')
    const upstream = { status: 500, contentType: 'application/json', body }
    const text = streamed(
      [{ type: 'failure', code: 'upstream_failed', facts: { message: 'It failed.', upstream } }],
      factsFor(),
    )
    expect(await errorOf(text)).toContain('too hot')
  })

  test('opens each choice with its role', async () => {
    const events: ModelEvent[] = [
      { type: 'text', text: 'a', choice: 1 },
      { type: 'text', text: 'b', choice: 0 },
      { type: 'text', text: 'c', choice: 1 },
    ]
    const chunks = await chunksOf(streamed(events, factsFor()))
    expect(chunks.map(({ choices: [c] }) => [c?.index, c?.delta.role ?? c?.delta.content])).toEqual([
      [1, 'assistant'],
      [1, 'a'],
      [0, 'assistant'],
      [0, 'b'],
      [1, 'c'],
    ])
  })

  test('carries fields that only the dialect knows, but never a second `id` or `choices`', async () => {
    const fields = { system_fingerprint: 'fp', choices: 'no', id: 'no', usage: 'no', gone: undefined }
    const text = streamed(
      [
        { type: 'start', id: 'x' },
        { type: 'rest', fields },
        { type: 'text', text: 'a' },
        { type: 'text', text: 'b' },
      ],
      factsFor(),
    )
    const chunks = await chunksOf(text)
    expect(chunks.at(-1)).not.toHaveProperty('system_fingerprint')
    expect(chunks.at(-2)).toMatchObject({ id: 'x', system_fingerprint: 'fp', choices: [{ index: 0 }] })
    expect(text.match(/"choices"/g)).toHaveLength(chunks.length)
  })
})

describe('a whole chat answer', () => {
  test('is what OpenAI answers', () => {
    const expected = {
      id: 'chatcmpl-7',
      object: 'chat.completion',
      created: 1700000001,
      model: 'small-1',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'Hello', refusal: null, reasoning_content: 'Hm.' } as {
            role: 'assistant'
            content: string
            refusal: null
          },
          logprobs: null,
          finish_reason: 'stop',
        },
      ],
      usage: {
        prompt_tokens: 5,
        completion_tokens: 2,
        total_tokens: 7,
        prompt_tokens_details: { cached_tokens: 4 },
        completion_tokens_details: { reasoning_tokens: 1 },
      },
    } satisfies OpenAI.ChatCompletion
    expect(JSON.parse(String(openAiChat.whole(hello, factsFor()))) as unknown).toEqual(expected)
  })

  test('is not made of an answer that failed', () => {
    const failed: ModelEvent[] = [
      ...hello.slice(0, 3),
      { type: 'failure', code: 'stalled', facts: { message: 'No.' } },
    ]
    expect(() => openAiChat.whole(failed, factsFor())).toThrow(expect.objectContaining({ code: 'stalled' }))
  })
})

/** One answer in any mixture of choices, as a client sees it: by choice and kind. */
interface Seen {
  head: unknown
  choices: Record<number, Record<string, unknown>>
  usage: unknown
  rest: Record<string, unknown>
}

const texts = ['content', 'reasoning_content', 'refusal'] as const

/** A `delta` or a `message`. */
type Message = Partial<Record<(typeof texts)[number], string | null>> & {
  tool_calls?: { index?: number; id?: string; function: { name?: string; arguments?: string } }[]
}

const logprob = fc.record({ token: fc.string(), logprob: fc.integer({ max: 0 }) })
const said = fc.oneof(
  fc.record({
    type: fc.constantFrom('text' as const, 'reasoning' as const, 'refusal' as const),
    text: fc.string({ unit: 'binary', minLength: 1 }),
  }),
  fc.record({
    type: fc.constant('logprobs' as const),
    logprobs: fc.record({ content: fc.array(logprob), refusal: fc.constant(null) }),
  }),
  fc.record({ type: fc.constant('tool-input' as const), index: fc.nat(1), json: fc.string() }),
)
const calls = [0, 1].map((index) => ({
  type: 'tool-call' as const,
  index,
  id: `call_${index}`,
  name: `tool${index}`,
}))
const answers = fc
  .record({
    start: fc.constantFrom<ModelEvent>({ type: 'start' }, { type: 'start', id: 'i', model: 'm', created: 3 }),
    count: fc.integer({ min: 1, max: 3 }),
    said: fc.array(fc.tuple(said, fc.nat(2))),
    reason: fc.constantFrom('stop' as const, 'length' as const, 'tool-calls' as const, 'refusal' as const),
    output: fc.nat(),
    fields: fc.dictionary(fc.constantFrom('system_fingerprint', 'x_extra'), fc.jsonValue()),
  })
  .map(({ start, count, said: pieces, reason, output, fields }): ModelEvent[] => {
    const events: ModelEvent[] = [start, { type: 'rest', fields }]
    const choices = Array.from({ length: count }, (_, choice) => choice)
    for (const choice of choices) for (const call of calls) events.push({ ...call, choice })
    for (const [event, choice] of pieces) events.push({ ...event, choice: choice % count })
    for (const choice of choices) events.push({ type: 'finish', reason, choice })
    const usage = { input: reported(2), output: reported(output), cacheWrite: reported(1) }
    events.push({ type: 'usage', usage }, { type: 'end' })
    return events
  })

function seen(parts: readonly Record<string, unknown>[]): Seen {
  const result: Seen = { head: undefined, choices: {}, usage: undefined, rest: {} }
  for (const part of parts) {
    const {
      id,
      created,
      model,
      object: _,
      choices,
      usage,
      ...rest
    } = part as unknown as OpenAI.ChatCompletion
    result.head = { id, created, model }
    if (usage) result.usage = usage
    Object.assign(result.rest, rest)
    for (const choice of choices) {
      const at = (result.choices[choice.index] ??= {
        content: '',
        reasoning_content: '',
        refusal: '',
        calls: [],
      })
      const message = ('delta' in choice ? choice.delta : choice.message) as Message
      for (const key of texts) at[key] = `${String(at[key])}${message[key] ?? ''}`
      if (choice.finish_reason !== null) at['finish'] = choice.finish_reason
      at['logprobs'] = [...((at['logprobs'] ?? []) as unknown[]), ...(choice.logprobs?.content ?? [])]
      for (const [i, call] of (message.tool_calls ?? []).entries()) {
        const list = at['calls'] as { id?: unknown; name?: unknown; input: string }[]
        const place = (list[call.index ?? i] ??= { input: '' })
        if (call.id !== undefined) Object.assign(place, { id: call.id, name: call.function.name })
        place.input += call.function.arguments ?? ''
      }
    }
  }
  return result
}

test('a streamed and a whole chat answer say the same to OpenAI’s client, whatever the events', async () => {
  await fc.assert(
    fc.asyncProperty(answers, async (events) => {
      const stream = seen(
        (await chunksOf(streamed(events, withUsage))) as unknown as Record<string, unknown>[],
      )
      const whole = seen([JSON.parse(String(openAiChat.whole(events, withUsage))) as Record<string, unknown>])
      expect(stream).toEqual(whole)
      const count = events.filter((event) => event.type === 'finish').length
      expect(Object.keys(whole.choices)).toHaveLength(count)
      const text = events.flatMap((event) =>
        event.type === 'text' && event.choice === 0 ? [event.text] : [],
      )
      expect(whole.choices[0]?.['content']).toBe(text.join('').toWellFormed())
    }),
    { numRuns },
  )
})

test('only a frame that says the usage and nothing else is taken out for a client that did not ask', () => {
  const frame = (...events: ModelEvent[]) => ({ bytes: new Uint8Array(), events: () => events })
  const usage: ModelEvent = { type: 'usage', usage: {} }
  expect(openAiChat.isUsageOnly(frame(usage, { type: 'timing' }, { type: 'rest', fields: {} }))).toBe(true)
  expect(openAiChat.isUsageOnly(frame(usage, { type: 'finish', reason: 'stop' }))).toBe(false)
  expect(openAiChat.isUsageOnly(frame({ type: 'text', text: 'a' }, usage))).toBe(false)
  expect(openAiChat.isUsageOnly(frame({ type: 'start' }, usage))).toBe(false)
  expect(openAiChat.isUsageOnly(frame({ type: 'rest', fields: {} }))).toBe(false)
  expect(openAiChat.isUsageOnly(frame())).toBe(false)
})

test('what has no word here is told beside the text, whole and streamed, and the stream stays readable', async () => {
  const thought = { type: 'redacted_thinking', data: 'E' }
  const opaque = (value: object) => ({ type: 'opaque', dialect: 'anthropic-messages', value }) as const
  const events: ModelEvent[] = [
    { type: 'start', id: 'a' },
    opaque(thought),
    { type: 'text', text: 'b' },
    opaque({ x: 1 }),
    { type: 'finish', reason: 'stop' },
    { type: 'end' },
  ]
  const untranslated = [
    { index: 0, value: thought },
    { index: 1, value: { x: 1 } },
  ]
  const whole = JSON.parse(String(openAiChat.whole(events, factsFor()))) as OpenAI.ChatCompletion
  expect(whole.choices[0]?.message).toMatchObject({ content: 'b', untranslated })
  const chunks = await chunksOf(streamed(events, factsFor()))
  expect(chunks.flatMap(({ choices }) => choices.flatMap(({ delta }) => Object.entries(delta)))).toEqual([
    ['role', 'assistant'],
    ['content', ''],
    ['refusal', null],
    ['untranslated', untranslated.slice(0, 1)],
    ['content', 'b'],
    ['untranslated', untranslated.slice(1)],
  ])
})
