import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'

import type { ModelEvent } from '../../core/event.ts'
import type { Failure } from '../../core/failure.ts'
import type { Part } from '../../core/request.ts'
import { atOnce } from '../../core/turns.ts'
import { fold } from '../stream/fold.ts'
import { SseReader } from '../stream/sse.ts'
import { wholeReader } from '../stream/whole.ts'
import { geminiContents } from './gemini-contents.ts'
import { GeminiReading } from './gemini-read.ts'
import { callId, openCallId, openPart, sealPart } from './gemini-seal.ts'
import { geminiTraits } from './gemini-traits.ts'

const runs = { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 1000) }
const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
const folder = new URL('../../../fixtures/streams/gemini/', import.meta.url)

const eventsOf = (bytes: Uint8Array, isStream: boolean): ModelEvent[] => {
  const reading = new GeminiReading()
  const reader = isStream ? new SseReader(reading.message) : wholeReader(reading.whole)
  return [...reader.push(bytes), ...reader.end()].flatMap((frame) => frame.events())
}

const fixture = async (name: string): Promise<ModelEvent[]> =>
  eventsOf(await Bun.file(new URL(name, folder)).bytes(), name.endsWith('.sse'))

describe('an answer', () => {
  test('has calls whose ids carry what must come back with them', async () => {
    const calls = (await fixture('tools.sse')).filter((event) => event.type === 'tool-call')
    expect(calls.map(({ index, id }) => [index, openCallId(id)])).toEqual([
      [0, { id: '8f2b1a3c', signature: 'EqsBCqgB+/8=' }],
      [1, { id: '9d4c' }],
    ])
    for (const { id } of calls) expect(id).toMatch(/^[a-zA-Z0-9_-]+$/)
  })

  test('gives calls without ids one that no other answer has', () => {
    const answer = (responseId: string) => ({
      responseId,
      candidates: [
        { content: { parts: [{ functionCall: { name: 'f' } }, { functionCall: { name: 'f', args: {} } }] } },
      ],
    })
    const ids = ['one', 'tw/o'].flatMap((id) =>
      eventsOf(encode(answer(id)), false).flatMap((event) => (event.type === 'tool-call' ? [event.id] : [])),
    )
    expect(ids).toEqual(['call_one_0_0', 'call_one_0_1', 'call_two_0_0', 'call_two_0_1'])
  })

  test('tells choices, their log probabilities, and what no other dialect has a word for', async () => {
    const events = await fixture('choices.json')
    expect(events).toContainEqual({
      type: 'logprobs',
      logprobs: {
        content: [
          {
            token: 'Red',
            logprob: -0.25,
            bytes: null,
            top_logprobs: [
              { token: 'Red', logprob: -0.25, bytes: null },
              { token: 'Blue', logprob: -1.5, bytes: null },
            ],
          },
        ],
      },
    })
    const opaque = events.filter((event) => event.type === 'opaque')
    expect(opaque).toMatchObject([
      { value: { citationMetadata: { citations: [{ uri: 'https://example.com/red' }] } } },
      { choice: 1, value: { executableCode: { code: 'print(1)' } } },
    ])
    expect(events.filter((event) => event.type === 'finish')).toEqual([
      { type: 'finish', reason: 'stop' },
      { type: 'finish', reason: 'stop', choice: 1 },
    ])
  })

  test('that broke off says why in Google’s words', async () => {
    expect(await fixture('malformed.sse')).toContainEqual({
      type: 'opaque',
      dialect: 'gemini',
      value: {
        finishReason: 'MALFORMED_FUNCTION_CALL',
        finishMessage: 'Malformed function call: print(',
      },
    })
  })

  test('that was blocked is a failure before all else', async () => {
    expect((await fixture('blocked.json'))[0]).toEqual({
      type: 'failure',
      code: 'content_refused',
      facts: { message: 'Gemini blocked the prompt: PROHIBITED_CONTENT.' },
    })
  })

  test('that fails in its stream says when to come back', async () => {
    expect((await fixture('error.sse')).at(-1)).toMatchObject({
      code: 'upstream_rate_limited',
      facts: { retryAfterMs: 34_500 },
    })
  })

  test('whatever it is made of is read, or refused as invalid', () => {
    const some = fc.oneof(
      fc.jsonValue(),
      fc.record({ candidates: fc.array(fc.record({ content: fc.jsonValue(), index: fc.nat(2) })) }),
      fc.record({ candidates: fc.jsonValue(), usageMetadata: fc.jsonValue(), error: fc.jsonValue() }),
    )
    fc.assert(
      fc.property(some, fc.boolean(), (value, isStream) => {
        const bytes = isStream ? Buffer.from(`data: ${JSON.stringify(value)}\n\n`) : encode(value)
        try {
          eventsOf(bytes, isStream)
        } catch (thrown) {
          expect((thrown as Failure).code).toBe('upstream_invalid')
        }
      }),
      runs,
    )
  })
})

test('what is sealed is opened, and what others sealed is not', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), (id, signature) => {
      expect(openCallId(callId('made', { id, signature }))).toEqual({ id, signature })
      expect(openCallId(callId('made', { signature }))).toEqual({ signature })
      expect(openPart(sealPart('bare', signature))).toEqual({ on: 'bare', signature })
      expect(openCallId(`call_${id}`)).toEqual({})
      expect(openCallId(`gemini_${id}`)).toBeObject()
      expect(openPart(`rs_${signature}`)).toBeUndefined()
    }),
    runs,
  )
})

const signature = fc.option(fc.base64String({ minLength: 4, maxLength: 12 }), { nil: undefined })
const part = fc.oneof(
  fc.record({ text: fc.string(), thoughtSignature: signature }),
  fc.record({ text: fc.string(), thought: fc.constant(true), thoughtSignature: signature }),
  fc.record({
    functionCall: fc.record(
      {
        id: fc.string({ minLength: 1 }),
        name: fc.constantFrom('f', 'g'),
        args: fc.dictionary(fc.string(), fc.string()),
      },
      { requiredKeys: ['name', 'args'] },
    ),
    thoughtSignature: signature,
  }),
)

interface AnyPart {
  readonly text?: string
  readonly thought?: boolean
  readonly thoughtSignature?: string | undefined
  readonly functionCall?: object
}

/** What must be the same on the way back: the words, each call with its own signature, each signature in its place. */
const gist = (parts: readonly AnyPart[]) => ({
  text: parts.map(({ text, thought }) => (thought === true ? '' : (text ?? ''))).join(''),
  calls: parts.flatMap(({ functionCall, thoughtSignature }) =>
    functionCall === undefined ? [] : [[functionCall, thoughtSignature]],
  ),
  signatures: parts.flatMap(({ thoughtSignature, thought, functionCall }) =>
    thoughtSignature ? [[thoughtSignature, thought === true, functionCall !== undefined]] : [],
  ),
})

test('what the model said goes back to it with every signature at the part it came with', () => {
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), fc.boolean(), (parts, isStream) => {
      const answers = (isStream ? parts.map((each) => [each]) : [parts]).map((each) => ({
        responseId: 'r',
        candidates: [{ content: { role: 'model', parts: each } }],
      }))
      const bytes = isStream
        ? Buffer.from(answers.map((answer) => `data: ${JSON.stringify(answer)}\n\n`).join(''))
        : encode(answers[0])
      const said: Part[] = (fold(eventsOf(bytes, isStream)).choices[0]?.parts ?? []).map((each) => {
        if (each.type === 'tool-call') return each
        if (each.type === 'opaque') throw new Error('There are words for all of it.')
        const { text, signature: seal } = each
        return each.type === 'reasoning'
          ? { type: 'reasoning', text, ...(seal !== undefined && { signature: seal }) }
          : { type: 'text', text }
      })
      const contents = atOnce(
        geminiContents([{ role: 'assistant', parts: said }], geminiTraits('gemini-2.5-pro'), new Set()),
      ) as { parts: AnyPart[] }[]
      const back = contents.flatMap((content) => content.parts)
      // Undefined members are left out when it is printed.
      const printed = (value: unknown): unknown => JSON.parse(JSON.stringify(value))
      expect(printed(gist(back))).toEqual(printed(gist(parts)))
    }),
    runs,
  )
})
