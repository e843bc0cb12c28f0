import { describe, expect, test } from 'bun:test'

import type { Backend, Outgoing, Speaks } from '../../core/backend.ts'
import type { ModelEvent } from '../../core/event.ts'
import { Failure } from '../../core/failure.ts'
import type { ModelFacts } from '../../core/model-facts.ts'
import { builtInPlaces } from '../../core/place.ts'
import { chatOf, jsonOf, outgoingOf, requestOf, targetOf } from '../../testing/asking.ts'
import { managed } from './managed.ts'

interface Here {
  readonly speaks?: Speaks
  readonly slots?: number
  readonly facts?: ModelFacts
  readonly row?: { readonly concurrency?: number }
}

/** A backend whose one engine is this. */
const backendOf = ({ speaks, slots, facts, row }: Here): Backend =>
  managed.create(
    'here',
    { kind: 'managed', ...row },
    {
      place: builtInPlaces.local,
      send: () => Promise.reject(new Error('no socket here')),
      factsOf: () => facts,
      engines: {
        open: () => ({ url: 'http://127.0.0.1:9', headers: {}, close: () => undefined }),
        speaks: () => speaks,
        slotsOf: () => slots,
      },
    },
  )

const ollama = (context: number, facts?: ModelFacts): Backend =>
  backendOf({ speaks: { preset: 'ollama', model: 'inhouse', context }, ...(facts && { facts }) })

const codeOf = (act: () => unknown): unknown => {
  try {
    return act()
  } catch (thrown) {
    return thrown instanceof Failure ? thrown.code : thrown
  }
}

const replyOf = (type: string) => ({ status: 200, header: () => type, body: undefined as never })

/** What a stream of these lines means. */
const told = (at: Backend, asked: Outgoing, ...lines: object[]): ModelEvent[] => {
  const reader = at.reader(asked, replyOf('application/x-ndjson'))
  const bytes = new TextEncoder().encode(lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  return [...reader.push(bytes), ...reader.end()].flatMap((frame) => frame.events())
}

const hello = chatOf('openai-chat', { messages: [{ role: 'user', parts: [{ type: 'text', text: 'hi' }] }] })

describe('an Ollama that inhouse runs', () => {
  test('is asked in its own words, with the context that its row has and that is not cut', () => {
    const sent = outgoingOf(ollama(2048), hello, targetOf('row'))
    expect(sent).toMatchObject({ path: '/api/chat', stream: true, warnings: [] })
    expect(jsonOf(sent)).toMatchObject({
      model: 'inhouse',
      truncate: false,
      shift: false,
      options: { num_ctx: 2048 },
    })
  })

  test('has the context that its model was trained with, where its row wants all', () => {
    const sent = outgoingOf(ollama(0, { trainedContext: 8192 }), hello, targetOf('row', { context: 0 }))
    expect(jsonOf(sent)['options']).toEqual({ num_ctx: 8192 })
  })

  test('is neither loaded anew nor unloaded by what a client says, who is told', () => {
    const body = { model: 'a', stream: true, keep_alive: 0, options: { num_ctx: 99_999, num_gpu: 0 } }
    const sent = outgoingOf(ollama(2048), requestOf('ollama-chat', body), targetOf('row'))
    expect(jsonOf(sent)).not.toHaveProperty('keep_alive')
    expect(jsonOf(sent)['options']).toEqual({ num_ctx: 2048 })
    expect(sent.warnings).toEqual(['keep_alive', 'options.num_ctx', 'options.num_gpu'])
  })

  test('is read and refused in its own words', () => {
    const at = ollama(512)
    const sent = outgoingOf(at, hello, targetOf('row'))
    const events = told(at, sent, {
      message: { role: 'assistant', content: 'Hello' },
      done: true,
      done_reason: 'stop',
      prompt_eval_count: 3,
      eval_count: 1,
    })
    expect(events.map(({ type }) => type)).toEqual(['start', 'text', 'usage', 'finish', 'end'])
    const error = new TextEncoder().encode('{"error":"inhouse does not support tools"}')
    expect(at.failure(sent, 400, undefined, error).code).toBe('unsupported')
  })

  test('hands no call on to a cloud, by whatever name it is asked', () => {
    const at = ollama(512)
    const cloud = backendOf({ speaks: { preset: 'ollama', model: 'gpt-oss:120b-cloud' } })
    expect(codeOf(() => outgoingOf(cloud, hello, targetOf('row')))).toBe('cloud_model')
    const sent = outgoingOf(at, hello, targetOf('row'))
    const line = { message: { content: 'Far away.' }, done: false, remote_host: 'https://ollama.com:443' }
    expect(codeOf(() => told(at, sent, line))).toBe('cloud_model')
  })

  test('neither ranks nor counts', () => {
    const prompt = { kind: 'rerank', query: 'q', documents: ['a'], returnDocuments: false, rest: {} } as const
    const request = requestOf('rerank', { model: 'a' }, prompt)
    expect(codeOf(() => outgoingOf(ollama(512), request, targetOf('row')))).toBe('unsupported')
  })
})

test('an engine without an interface of its own is asked in OpenAI’s words, whatever its preset', () => {
  for (const preset of ['llama-server', 'vllm', 'sglang', 'mlx-lm', 'nobody-knows']) {
    const sent = outgoingOf(backendOf({ speaks: { preset } }), hello, targetOf('row'))
    expect(sent.path).toBe('/v1/chat/completions')
    expect(sent.stream).toBe(true)
  }
})

test('so many calls go at once as the row’s engine answers, unless the config says a number', () => {
  expect(backendOf({ slots: 2 }).concurrencyOf?.('row')).toBe(2)
  expect(backendOf({ slots: 2, row: { concurrency: 5 } }).concurrencyOf?.('row')).toBe(5)
  // Not here yet.
  expect(backendOf({}).concurrencyOf?.('row')).toBe(16)
})

describe('MLX-LM, which takes much and heeds little of it', () => {
  const sentTo = (body: object): Outgoing =>
    outgoingOf(
      backendOf({ speaks: { preset: 'mlx-lm', model: 'default_model' } }),
      requestOf('openai-chat', { model: 'a', messages: [], ...body }),
      targetOf('row'),
    )
  const tools = [{ type: 'function', function: { name: 'f' } }]

  test('is not asked for a form, which it would not keep to', () => {
    const format = { type: 'json_schema', json_schema: { name: 'a', schema: {} } }
    expect(codeOf(() => sentTo({ response_format: format }))).toBe('unsupported')
    expect(codeOf(() => sentTo({ response_format: { type: 'text' } }))).toMatchObject({ warnings: [] })
    expect(codeOf(() => sentTo({ n: 2 }))).toBe('unsupported')
  })

  test('sees no tools where none may be called, and a call that must come is told as not bound', () => {
    expect(jsonOf(sentTo({ tools, tool_choice: 'none' }))).not.toHaveProperty('tools')
    expect(sentTo({ tools, tool_choice: 'none' }).warnings).toEqual([])
    expect(sentTo({ tools, tool_choice: 'required' }).warnings).toEqual(['tool_choice'])
    expect(jsonOf(sentTo({ tools, tool_choice: 'auto' }))).toMatchObject({ tools, tool_choice: 'auto' })
  })

  test('is not asked for log probabilities by number, which would end the connection', () => {
    const request = requestOf('openai-completions', { model: 'a', prompt: 'a', logprobs: 2 })
    const sent = outgoingOf(backendOf({ speaks: { preset: 'mlx-lm' } }), request, targetOf('row'))
    expect(jsonOf(sent)).not.toHaveProperty('logprobs')
    expect(sent.warnings).toEqual(['logprobs'])
    expect(jsonOf(sentTo({ logprobs: true }))).toMatchObject({ logprobs: true })
  })
})
