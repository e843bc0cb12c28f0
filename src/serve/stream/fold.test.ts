import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'

import type { ModelEvent } from '../../core/event.ts'
import { fold } from './fold.ts'

const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 1000)

const choice = fc.constantFrom<{ choice?: number }>({}, { choice: 0 }, { choice: 1 }, { choice: 7 })
const piece = fc.oneof(
  fc.record({
    type: fc.constantFrom('text' as const, 'refusal' as const, 'reasoning' as const),
    text: fc.string(),
  }),
  fc.record({ type: fc.constant('reasoning' as const), text: fc.string(), signature: fc.string() }),
  fc.record({
    type: fc.constant('tool-call' as const),
    index: fc.nat(2),
    id: fc.string(),
    name: fc.string(),
  }),
  fc.record({ type: fc.constant('tool-input' as const), index: fc.nat(2), json: fc.string() }),
)
const events = fc.array(fc.tuple(piece, choice).map((both): ModelEvent => Object.assign({}, ...both)))

/** The same answer in pieces of one character, each choice after the other. */
function finer(coarse: readonly ModelEvent[]): ModelEvent[] {
  const fine: ModelEvent[] = []
  for (const event of coarse) {
    if (event.type === 'tool-input') for (const json of Array.from(event.json)) fine.push({ ...event, json })
    else if (event.type === 'reasoning') {
      const { signature, ...unsigned } = event
      for (const text of Array.from(event.text)) fine.push({ ...unsigned, text })
      if (signature !== undefined) fine.push({ ...event, text: '' })
    } else if ('text' in event) for (const text of Array.from(event.text)) fine.push({ ...event, text })
    else fine.push(event)
  }
  return fine.toSorted((a, b) => choiceOf(a) - choiceOf(b))
}

const choiceOf = (event: ModelEvent): number => ('choice' in event ? (event.choice ?? 0) : 0)

describe('an answer folded from its events', () => {
  test('does not depend on how finely they were cut, or how choices were mixed', () => {
    fc.assert(
      fc.property(events, (coarse) => {
        const filled = coarse.filter((event) => !isEmpty(event))
        expect(fold(finer(filled))).toEqual(fold(filled))
      }),
      { numRuns },
    )
  })

  test('has every character of every kind, and every call', () => {
    fc.assert(
      fc.property(events, (all) => {
        const answer = fold(all)
        for (const type of ['text', 'refusal', 'reasoning', 'tool-call', 'tool-input'] as const) {
          for (const index of new Set(all.map(choiceOf))) {
            const said = all.filter((event) => event.type === type && choiceOf(event) === index)
            const parts = answer.choices.find((each) => each.index === index)?.parts ?? []
            if (type === 'tool-call') {
              for (const call of said.filter((event) => event.type === type)) {
                expect(parts.some((part) => part.type === type && part.index === call.index)).toBe(true)
              }
            } else {
              const text = said.map((event) =>
                'text' in event ? event.text : 'json' in event ? event.json : '',
              )
              const folded = parts.map((part) =>
                part.type === 'tool-call'
                  ? type === 'tool-input'
                    ? part.input
                    : ''
                  : part.type === type
                    ? part.text
                    : '',
              )
              expect(folded.join('').length).toBe(text.join('').length)
            }
          }
        }
      }),
      { numRuns },
    )
  })

  test('keeps the order of its parts, and signed reasoning apart from what follows', () => {
    const answer = fold([
      { type: 'start', id: 'msg_1', model: 'm', created: 5 },
      { type: 'reasoning', text: 'First ' },
      { type: 'reasoning', text: 'this.' },
      { type: 'reasoning', text: '', signature: 'abc' },
      { type: 'reasoning', text: 'Then that.', signature: 'def' },
      { type: 'text', text: 'Let me ' },
      { type: 'text', text: 'look.' },
      { type: 'tool-call', index: 0, id: 'a', name: 'find' },
      { type: 'tool-call', index: 1, id: 'b', name: 'read' },
      { type: 'tool-input', index: 1, json: '{}' },
      { type: 'tool-input', index: 0, json: '{"q":' },
      { type: 'tool-input', index: 0, json: '1}' },
      { type: 'finish', reason: 'tool-calls', stopSequence: '###' },
      { type: 'end' },
    ])
    expect(answer).toEqual({
      id: 'msg_1',
      model: 'm',
      created: 5,
      choices: [
        {
          index: 0,
          parts: [
            { type: 'reasoning', text: 'First this.', signature: 'abc' },
            { type: 'reasoning', text: 'Then that.', signature: 'def' },
            { type: 'text', text: 'Let me look.' },
            { type: 'tool-call', index: 0, id: 'a', name: 'find', input: '{"q":1}' },
            { type: 'tool-call', index: 1, id: 'b', name: 'read', input: '{}' },
          ],
          finish: 'tool-calls',
          stopSequence: '###',
        },
      ],
      embeddings: [],
      rest: {},
    })
  })

  test('joins the lists of log probabilities and leaves the events as they were', () => {
    const first = { content: [{ token: 'a' }], refusal: null }
    const answer = fold([
      { type: 'logprobs', logprobs: first },
      { type: 'logprobs', logprobs: { content: [{ token: 'b' }], refusal: null } },
      { type: 'logprobs', logprobs: { content: null, refusal: null } },
      { type: 'logprobs', logprobs: null },
      { type: 'logprobs', logprobs: { tokens: ['x'], text_offset: [0] }, choice: 1 },
      { type: 'logprobs', logprobs: { tokens: ['y'], text_offset: [1] }, choice: 1 },
    ])
    expect(answer.choices.map((each) => each.logprobs)).toEqual([
      { content: [{ token: 'a' }, { token: 'b' }], refusal: null },
      { tokens: ['x', 'y'], text_offset: [0, 1] },
    ])
    expect(first.content).toHaveLength(1)
  })

  test('merges usage and times, keeps unknown fields, the first failure, and vectors by index', () => {
    const answer = fold([
      {
        type: 'usage',
        usage: { input: { tokens: 9, source: 'reported' }, output: { tokens: 1, source: 'reported' } },
      },
      { type: 'usage', usage: { output: { tokens: 4, source: 'reported' } } },
      { type: 'timing', prefillMs: 2 },
      { type: 'timing', decodeMs: 3 },
      { type: 'rest', fields: { a: 1, b: 1 } },
      { type: 'rest', fields: { b: 2 } },
      { type: 'embedding', index: 1, vector: [2] },
      { type: 'embedding', index: 0, vector: 'AACAPw==' },
      { type: 'failure', code: 'stalled', facts: { message: 'One.' } },
      { type: 'failure', code: 'upstream_cut', facts: { message: 'Two.' } },
    ])
    expect(answer).toEqual({
      choices: [],
      embeddings: [
        { index: 0, vector: 'AACAPw==' },
        { index: 1, vector: [2] },
      ],
      usage: { input: { tokens: 9, source: 'reported' }, output: { tokens: 4, source: 'reported' } },
      timing: { prefillMs: 2, decodeMs: 3 },
      rest: { a: 1, b: 2 },
      failure: { code: 'stalled', facts: { message: 'One.' } },
    })
  })
})

const isEmpty = (event: ModelEvent): boolean =>
  ('text' in event && event.text === '' && !('signature' in event)) ||
  (event.type === 'tool-input' && event.json === '')
