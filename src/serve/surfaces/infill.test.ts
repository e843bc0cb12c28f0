import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'

import type { ModelEvent } from '../../core/event.ts'
import { Failure } from '../../core/failure.ts'
import { JsonText } from '../../core/json.ts'
import type { Surface } from '../../core/surface.ts'
import { atOnce } from '../../core/turns.ts'
import { reported } from '../../core/usage.ts'
import { fim } from './fim.ts'
import { infill } from './infill.ts'
import { openAiCount } from './openai-count.ts'
import { detokenize, tokenize } from './tokenize.ts'

const none = (): undefined => undefined
const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 1000)

const parse = (surface: Surface, body: Record<string, unknown>) =>
  surface.parse(JsonText.from({ model: 'm', ...body }), none)

const events = (pieces: readonly string[]): ModelEvent[] => [
  { type: 'start', model: 'm-1' },
  ...pieces.map((text): ModelEvent => ({ type: 'text', text })),
  { type: 'usage', usage: { input: reported(7), output: reported(3) } },
  { type: 'finish', reason: 'length' },
  { type: 'end' },
]

describe('infill', () => {
  const facts = { requestId: 'r1', created: 1, request: parse(infill, {}) }

  test('is a completion with a suffix', () => {
    const body = { input_prefix: 'a', prompt: 'b', input_suffix: 'c', n_predict: 4, input_extra: [] }
    const request = parse(infill, body)
    expect(request).toMatchObject({ operation: 'complete', maxOutputTokens: 4 })
    expect(atOnce(request.prompt())).toEqual({
      kind: 'complete',
      prompts: ['ab'],
      suffix: 'c',
      maxOutputTokens: 4,
      rest: { input_extra: [] },
    })
    // llama.cpp’s word for no limit.
    expect(parse(infill, { n_predict: -1 }).maxOutputTokens).toBeUndefined()
  })

  test('is answered as llama.cpp answers it: pieces of content, and one that stops', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 1 }), { minLength: 1 }), (pieces) => {
        const all = events(pieces)
        const writer = infill.stream(facts)
        const streamed = all
          .flatMap((event) => String(writer.write(event)).split('\n\n'))
          .filter((line) => line !== '')
          .map((line) => JSON.parse(line.slice('data: '.length)) as { content: string })
        expect(streamed.slice(0, -1)).toEqual(pieces.map((content) => ({ content, stop: false })))
        const last = {
          stop: true,
          model: 'm-1',
          stop_type: 'limit',
          stopping_word: '',
          tokens_evaluated: 7,
          tokens_predicted: 3,
        }
        expect(streamed.at(-1)).toEqual({ content: '', ...last })
        const whole: unknown = JSON.parse(String(infill.whole(all, facts)))
        expect(whole).toEqual({ content: pieces.join(''), ...last })
      }),
      { numRuns: numRuns / 10 },
    )
  })

  test('tells a failure in the stream', () => {
    const said = String(
      infill.stream(facts).write({ type: 'failure', code: 'stalled', facts: { message: 'no' } }),
    )
    expect(JSON.parse(said.slice('data: '.length))).toMatchObject({ error: { code: 'stalled' } })
  })
})

test('text in between for Continue is asked as a completion and answered as a chat', () => {
  const request = parse(fim, { prompt: 'a', suffix: 'b', max_tokens: 4 })
  expect(request).toMatchObject({ operation: 'complete', dialect: 'openai-chat' })
  expect(atOnce(request.prompt())).toMatchObject({ kind: 'complete', prompts: ['a'], suffix: 'b' })
  const answer = fim.whole(events(['x']), { requestId: 'r1', created: 1, request })
  expect(JSON.parse(String(answer))).toMatchObject({
    choices: [{ message: { content: 'x' }, finish_reason: 'length' }],
  })
})

describe('tokens', () => {
  test.each(['content', 'prompt', 'inputs'])('of a text that stands in %s', (field) => {
    const request = parse(tokenize, { [field]: 'ab' })
    expect(atOnce(request.prompt())).toMatchObject({ kind: 'complete', prompts: ['ab'] })
    const answer = tokenize.whole([{ type: 'start' }, { type: 'tokens', tokens: [1, 2] }, { type: 'end' }], {
      requestId: 'r1',
      created: 1,
      request,
    })
    expect(JSON.parse(String(answer))).toEqual({ tokens: [1, 2], count: 2 })
  })

  test('are given back as their text, also none of them', () => {
    const request = parse(detokenize, { tokens: [1, 2] })
    expect(atOnce(request.prompt())).toMatchObject({ prompts: [[1, 2]] })
    expect(atOnce(parse(detokenize, { tokens: [] }).prompt())).toMatchObject({ prompts: [[]] })
    const answer = detokenize.whole(events(['a', 'b']), { requestId: 'r1', created: 1, request })
    expect(JSON.parse(String(answer))).toMatchObject({ content: 'ab', prompt: 'ab' })
  })

  test('of a chat are counted in either of OpenAI’s words', () => {
    for (const body of [{ messages: [{ role: 'user', content: 'hi' }] }, { input: 'hi' }]) {
      const request = parse(openAiCount, body)
      expect(atOnce(request.prompt())).toMatchObject({ kind: 'chat', messages: [{ role: 'user' }] })
      const answer = openAiCount.whole([{ type: 'usage', usage: { input: reported(3) } }, { type: 'end' }], {
        requestId: 'r1',
        created: 1,
        request,
      })
      expect(JSON.parse(String(answer))).toEqual({ object: 'response.input_tokens', input_tokens: 3 })
    }
  })
})

test('any JSON at all is read or refused with the field at fault', () => {
  const fields = fc.dictionary(
    fc.oneof(
      fc.constantFrom(
        'content',
        'tokens',
        'prompt',
        'suffix',
        'input_prefix',
        'n_predict',
        'messages',
        'input',
      ),
      fc.string(),
    ),
    fc.jsonValue(),
  )
  fc.assert(
    fc.property(fields, (body) => {
      for (const surface of [infill, fim, tokenize, detokenize, openAiCount]) {
        try {
          atOnce(parse(surface, body).prompt())
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
