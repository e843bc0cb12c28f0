import { describe, expect, test } from 'bun:test'

import fc from 'fast-check'
import type { ChatCompletionCreateParams } from 'openai/resources/chat/completions'

import type { Behaviour, Outgoing } from '../../core/backend.ts'
import { Failure } from '../../core/failure.ts'
import { builtInPlaces } from '../../core/place.ts'
import { chatOf, jsonOf, outgoingOf, requestOf, targetOf, textOf } from '../../testing/asking.ts'
import { backendRow, kindOf } from './index.ts'
import type { BackendDeps, RowBackend } from './index.ts'

const deps: BackendDeps = {
  place: builtInPlaces.local,
  send: () => Promise.reject(new Error('no socket here')),
  clock: { now: () => 1_000_000 },
}

function backend(row: Readonly<Record<string, unknown>>): RowBackend {
  const parsed = backendRow.parse(row)
  return kindOf(parsed).create('test', parsed, deps)
}

const plainRow = { kind: 'openai-compatible', url: 'http://127.0.0.1:1/v1' }

const chat = (
  body: string,
  row: Readonly<Record<string, unknown>> = plainRow,
  behaviour: Behaviour = {},
): Outgoing => outgoingOf(backend(row), requestOf('openai-chat', body), targetOf('m', behaviour))

const unsupportedParam = (act: () => unknown): string | undefined => {
  try {
    act()
  } catch (thrown) {
    if (thrown instanceof Failure && thrown.code === 'unsupported') return thrown.facts.param
    throw thrown
  }
  return 'nothing was refused'
}

test('the limit of a row holds for `n_predict` too, which llama-server prefers', () => {
  const row = { kind: 'llama-server', url: 'http://127.0.0.1:1/v1' }
  const limits = { limits: { maxOutputTokens: 5 } }
  expect(jsonOf(chat('{"model":"m","n_predict":50}', row, limits))['n_predict']).toBe(5)
  expect(jsonOf(chat('{"model":"m","n_predict":50,"max_tokens":9}', row, limits))).toMatchObject({
    n_predict: 5,
    max_tokens: 5,
  })
  expect(jsonOf(chat('{"model":"m"}', row, limits))['max_tokens']).toBe(5)
})

describe('a request of the same dialect', () => {
  const odd =
    '{ "model" : "m", "seed":12345678901234567890,\n "x":{"b":1,"a":1.50}, "messages":[{"role":"user","content":"\\u00fc"}] }'

  test('goes out byte for byte when nothing has to change', () => {
    const sent = chat(odd)
    expect(textOf(sent)).toBe(odd)
    expect(sent).toMatchObject({ stream: false, path: '/v1/chat/completions', warnings: [] })
  })

  test('changes in the model’s name alone when only that is another', () => {
    expect(textOf(chat(odd.replace('"m"', '"alias"')))).toBe(odd)
  })

  test('goes out byte for byte whatever else is in it', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (fields) => {
        const known = new Set([
          'stream',
          'n',
          'stop',
          'best_of',
          'stream_options',
          'max_tokens',
          'max_completion_tokens',
        ])
        const rest = Object.entries(fields).filter(([key]) => !known.has(key) && key !== 'model')
        const body = JSON.stringify(Object.fromEntries([['model', 'm'], ...rest]), undefined, 1)
        expect(textOf(chat(body))).toBe(body)
      }),
      { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 1000) },
    )
  })

  test('is asked for a stream and its usage at an engine, whatever the client wants', () => {
    const sent = chat('{"model":"m","messages":[]}', { kind: 'vllm' })
    expect(textOf(sent)).toBe(
      '{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true}}',
    )
    expect(sent).toMatchObject({ stream: true, headers: { accept: 'text/event-stream' } })
  })

  test('is asked of a vendor as the client asked, but always with its usage', () => {
    expect(chat('{"model":"m","messages":[]}', { kind: 'openai' }).stream).toBe(false)
    const sent = chat('{"model":"m","stream":true,"stream_options":{"include_obfuscation":false}}', {
      kind: 'openai',
    })
    expect(jsonOf(sent)).toMatchObject({
      stream_options: { include_obfuscation: false, include_usage: true },
    })
  })

  test('that picks the best of many is not streamed, since nobody can', () => {
    const body = '{"model":"m","prompt":"a","best_of":2}'
    const sent = outgoingOf(backend({ kind: 'vllm' }), requestOf('openai-completions', body), targetOf('m'))
    expect(sent.stream).toBe(false)
    expect(textOf(sent)).toBe(body)
  })
})

describe('what the row says', () => {
  const system = { system: 'Be "kind".' }
  const put = (messages: string): unknown => {
    const sent = textOf(chat(`{"model":"m","messages":${messages},"k":1}`, plainRow, system))
    return (JSON.parse(sent) as { messages: unknown }).messages
  }

  test('is put into the client’s own system message, for templates that take only one', () => {
    expect(put('[ {"role":"system","content":"Hi \\"}]"},{"role":"user","content":"{"}]')).toEqual([
      { role: 'system', content: 'Be "kind".\n\nHi "}]' },
      { role: 'user', content: '{' },
    ])
    expect(put('[{"x":[{"role":"user"},"}"],"r\\u006fle":"system","content":""}]')).toEqual([
      { x: [{ role: 'user' }, '}'], role: 'system', content: 'Be "kind".\n\n' },
    ])
    expect(put('[{"content":[{"type":"text","text":"Hi"}],"role":"developer"}]')).toEqual([
      {
        content: [
          { type: 'text', text: 'Be "kind".' },
          { type: 'text', text: 'Hi' },
        ],
        role: 'developer',
      },
    ])
  })

  test('comes first where the client has no system message', () => {
    const message = { role: 'system', content: 'Be "kind".' }
    expect(put('[]')).toEqual([message])
    expect(put('[{"role":"user","content":"a"}]')).toEqual([message, { role: 'user', content: 'a' }])
  })

  test('leaves every other byte of the messages alone', () => {
    const body = '{"model":"m","messages":[ {"role":"user","n":12345678901234567890,"content":"a"} ]}'
    const sent = textOf(chat(body, plainRow, system))
    expect(sent).toBe(body.replace('[ {"role"', '[ {"role":"system","content":"Be \\"kind\\"."},{"role"'))
  })

  test('is named in a warning where a raw prompt has no place for it', () => {
    const request = requestOf('openai-completions', '{"model":"m","prompt":"a"}')
    expect(outgoingOf(backend(plainRow), request, targetOf('m', system)).warnings).toEqual(['system'])
  })

  test('adds its stop sequences to the client’s, and takes its defaults only where the client is silent', () => {
    const behaviour: Behaviour = {
      stop: ['END', 'X'],
      defaults: { temperature: 0.2, topP: 0.9, stop: ['unused'] },
      extra: { chat_template_kwargs: { a: 1 }, top_p: 0.1 },
    }
    expect(jsonOf(chat('{"model":"m","stop":"X","temperature":1}', plainRow, behaviour))).toEqual({
      model: 'm',
      stop: ['X', 'END'],
      temperature: 1,
      top_p: 0.9,
      chat_template_kwargs: { a: 1 },
    })
    expect(jsonOf(chat('{"model":"m","stop":null}', plainRow, { defaults: { stop: ['S'] } }))).toEqual({
      model: 'm',
      stop: ['S'],
    })
  })

  test.each([
    ['{"model":"m"}', { limits: { maxOutputTokens: 9 } }, { max_tokens: 9 }],
    ['{"model":"m","max_tokens":5}', { limits: { maxOutputTokens: 9 } }, { max_tokens: 5 }],
    ['{"model":"m","max_tokens":50}', { limits: { maxOutputTokens: 9 } }, { max_tokens: 9 }],
    [
      '{"model":"m","max_completion_tokens":50}',
      { limits: { maxOutputTokens: 9 } },
      { max_completion_tokens: 9 },
    ],
    ['{"model":"m"}', { defaults: { maxOutputTokens: 7 } }, { max_tokens: 7 }],
    [
      '{"model":"m"}',
      { defaults: { maxOutputTokens: 7 }, limits: { maxOutputTokens: 3 } },
      { max_tokens: 3 },
    ],
    ['{"model":"m","max_tokens":null}', {}, { max_tokens: null }],
  ])('limits the output of %s with %j', (body, behaviour, expected) => {
    expect(jsonOf(chat(body, plainRow, behaviour))).toEqual({ model: 'm', ...expected })
  })

  test('names top_k in a warning where the vendor refuses it', () => {
    const sent = chat('{"model":"m"}', { kind: 'openai' }, { defaults: { topK: 5 } })
    expect(sent.warnings).toEqual(['top_k'])
    expect(jsonOf(sent)).toEqual({ model: 'm' })
  })
})

describe('the quirks of engines and vendors', () => {
  test('Together reads max_tokens only, an integer for logprobs, a list for stop, and must be told not to cut', () => {
    const body = { model: 'm', max_completion_tokens: 5, logprobs: true, top_logprobs: 3, stop: 'X' }
    expect(jsonOf(chat(JSON.stringify(body), { kind: 'together' }))).toEqual({
      model: 'm',
      max_tokens: 5,
      logprobs: 3,
      stop: ['X'],
      context_length_exceeded_behavior: 'error',
    })
  })

  test('TGI gets no presence penalty of 0, which it would take for a strong one', () => {
    const body =
      '{"model":"m","presence_penalty":0,"stop":"a","stream":true,"stream_options":{"include_usage":true}}'
    expect(jsonOf(chat(body, { kind: 'tgi', url: 'http://tgi/v1' }))).toEqual({
      model: 'm',
      stop: ['a'],
      stream: true,
      stream_options: { include_usage: true },
    })
  })

  test('TGI lowers top_logprobs and says so', () => {
    const sent = chat('{"model":"m","top_logprobs":20}', { kind: 'tgi', url: 'http://tgi/v1' })
    expect(sent.warnings).toEqual(['top_logprobs'])
    expect(jsonOf(sent)).toMatchObject({ top_logprobs: 5 })
  })

  test('llama-server gives vectors their own length and says so', () => {
    const sent = chat('{"model":"m","dimensions":64}', { kind: 'llama-server', url: 'http://l/v1' })
    expect(sent.warnings).toEqual(['dimensions'])
    expect(jsonOf(sent)).not.toHaveProperty('dimensions')
  })

  test('a long list of tools is looked at no closer than must be', async () => {
    const tools = Array<string>(100_000).fill('{"type":"function"}').join(',')
    const ask = async (more: string) => {
      const request = requestOf('openai-chat', `{"model":"m","tools":[${tools}]${more}}`)
      const extra = { tools: [], metadata: {} }
      return jsonOf(
        await backend({ kind: 'tgi', url: 'http://tgi/v1' }).outgoing(request, targetOf('m', { extra })),
      )
    }
    expect(await ask('')).toMatchObject({ tools: { length: 100_000 }, metadata: {} })
    expect(
      await ask(',"response_format":{"type":"json_object"}').catch((failure: Failure) => failure.code),
    ).toBe('unsupported')
  })

  test('what cannot be done, and may not be dropped, is refused', () => {
    const tgi = { kind: 'tgi', url: 'http://tgi/v1' }
    expect(unsupportedParam(() => chat('{"model":"m","n":2}', tgi))).toBe('n')
    const both = '{"model":"m","tools":[{}],"response_format":{"type":"json_object"}}'
    expect(unsupportedParam(() => chat(both, tgi))).toBe('response_format')
    const suffix = requestOf('openai-completions', '{"model":"m","prompt":"a","suffix":"b"}')
    expect(unsupportedParam(() => outgoingOf(backend({ kind: 'vllm' }), suffix, targetOf('m')))).toBe(
      'suffix',
    )
    const embed = requestOf('openai-embeddings', '{"model":"m","input":"a"}')
    expect(unsupportedParam(() => outgoingOf(backend(tgi), embed, targetOf('m')))).toBe('model')
  })

  test('vectors are asked as floats where there is no base64, and the answer must then be encoded', () => {
    const request = requestOf('openai-embeddings', '{"model":"m","input":[[1,2]],"encoding_format":"base64"}')
    const sent = outgoingOf(backend({ kind: 'sglang' }), request, targetOf('m'))
    expect(textOf(sent)).toBe('{"model":"m","input":[[1,2]],"encoding_format":"float"}')
    expect(sent).toMatchObject({ mustEncode: true, stream: false, path: '/v1/embeddings' })
    expect(outgoingOf(backend({ kind: 'llama-server' }), request, targetOf('m')).mustEncode).not.toBe(true)
  })

  test('Azure takes its key in a header of its own, and its dated interface the model in the path', async () => {
    const url = 'https://r.openai.azure.com/openai'
    const azure = backend({ kind: 'azure', url, apiKey: 'k', apiVersion: '2024-10-21' })
    const sent = outgoingOf(azure, requestOf('openai-chat', '{"model":"m"}'), targetOf('my deployment'))
    expect(sent.path).toBe('/deployments/my%20deployment/chat/completions?api-version=2024-10-21')
    const opening = await azure.open(targetOf('m'), AbortSignal.any([]))
    expect(opening).toMatchObject({ url, headers: { 'api-key': 'k' } })
  })
})

describe('an address', () => {
  test('is taken apart so that health can be asked beside the API', async () => {
    const engine = backend({
      kind: 'vllm',
      url: 'http://gpu1:8000/v1/',
      apiKey: 'k',
      headers: { 'X-Team': 'a' },
    })
    expect(await engine.open(targetOf('m'), AbortSignal.any([]))).toMatchObject({
      url: 'http://gpu1:8000',
      headers: { authorization: 'Bearer k', 'x-team': 'a' },
    })
    expect(engine.probe).toEqual({ path: '/health' })
    expect(backend({ kind: 'openai' }).probe).toEqual({ path: '/v1/models' })
    expect(backend({ kind: 'gemini-openai' }).probe).toEqual({ path: '/models' })
  })
})

describe('a request of another dialect', () => {
  test('is said in OpenAI’s words, with its tool results before the rest of the turn', () => {
    const request = chatOf('anthropic-messages', {
      messages: [
        { role: 'system', parts: [{ type: 'text', text: 'S' }] },
        {
          role: 'assistant',
          parts: [
            { type: 'reasoning', text: 'hm', signature: 's' },
            { type: 'text', text: 'T' },
            { type: 'tool-call', id: 'c1', name: 'f', input: '{"a":1}' },
          ],
        },
        {
          role: 'user',
          parts: [
            { type: 'text', text: 'and' },
            { type: 'tool-result', id: 'c1', parts: [{ type: 'text', text: 'R' }] },
            { type: 'image', source: { mediaType: 'image/png', data: 'AA==' } },
          ],
        },
      ],
      tools: [{ name: 'f', parameters: { type: 'object' } }],
      toolChoice: { name: 'f' },
      maxOutputTokens: 5,
      topK: 4,
      responseFormat: { type: 'json-schema', name: 'x', schema: {} },
      rest: { cache_control: {} },
    })
    const sent = outgoingOf(backend({ kind: 'openai' }), request, targetOf('m'))
    expect(sent.dialect).toBe('openai-chat')
    expect(sent.warnings).toEqual(['cache_control', 'reasoning', 'top_k'])
    const expected = {
      model: 'm',
      messages: [
        { role: 'system', content: 'S' },
        {
          role: 'assistant',
          content: 'T',
          tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }],
        },
        { role: 'tool', tool_call_id: 'c1', content: 'R' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'and' },
            { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } },
          ],
        },
      ],
      tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }],
      tool_choice: { type: 'function', function: { name: 'f' } },
      response_format: { type: 'json_schema', json_schema: { name: 'x', schema: {} } },
      max_completion_tokens: 5,
    } satisfies ChatCompletionCreateParams
    expect(jsonOf(sent)).toEqual(expected)
  })

  test('is refused when a part of it cannot be said', () => {
    const opaque = { type: 'opaque', dialect: 'anthropic-messages', value: { type: 'document' } } as const
    const request = chatOf('anthropic-messages', { messages: [{ role: 'user', parts: [opaque] }] })
    expect(unsupportedParam(() => outgoingOf(backend(plainRow), request, targetOf('m')))).toBe('messages')
  })

  test('keeps token ids of prompts and inputs', () => {
    const complete = requestOf(
      'anthropic-messages',
      { model: 'a' },
      { kind: 'complete', prompts: [[1, 2]], rest: {} },
    )
    const asked = { ...complete, operation: 'complete' } as const
    expect(jsonOf(outgoingOf(backend(plainRow), asked, targetOf('m')))).toEqual({
      model: 'm',
      prompt: [[1, 2]],
    })
    const embed = { kind: 'embed', inputs: ['a'], encoding: 'base64', rest: {} } as const
    const wanted = { ...requestOf('anthropic-messages', { model: 'a' }, embed), operation: 'embed' } as const
    const sent = outgoingOf(backend(plainRow), wanted, targetOf('m'))
    expect(jsonOf(sent)).toEqual({ model: 'm', input: 'a', encoding_format: 'base64' })
  })
})

describe('a model of Ollama’s cloud', () => {
  const sent = (
    row: Readonly<Record<string, unknown>>,
    place: BackendDeps['place'],
    model: string,
  ): string => {
    const parsed = backendRow.parse({ ...plainRow, ...row })
    const made = kindOf(parsed).create('test', parsed, { ...deps, place })
    try {
      return outgoingOf(made, requestOf('openai-chat', '{"model":"m","messages":[]}'), targetOf(model)).path
    } catch (thrown) {
      return thrown instanceof Failure ? thrown.code : String(thrown)
    }
  }
  const name = 'gpt-oss:120b-cloud'

  test('is asked for at a third party only, behind whatever kind of backend', () => {
    expect(sent({}, builtInPlaces.local, name)).toBe('cloud_model')
    expect(sent({ kind: 'vllm' }, builtInPlaces.tenant, 'kimi:cloud')).toBe('cloud_model')
    expect(sent({ deployments: { alias: name } }, builtInPlaces.local, 'alias')).toBe('cloud_model')
    expect(sent({}, builtInPlaces.cloud, name)).toBe('/v1/chat/completions')
    expect(sent({}, builtInPlaces.local, 'gpt-oss:120b')).toBe('/v1/chat/completions')
  })
})
