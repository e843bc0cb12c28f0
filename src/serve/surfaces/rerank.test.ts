import { expect, test } from 'bun:test'
import * as fc from 'fast-check'

import type { ModelEvent } from '../../core/event.ts'
import { Failure } from '../../core/failure.ts'
import { JsonText } from '../../core/json.ts'
import { atOnce } from '../../core/turns.ts'
import { reported } from '../../core/usage.ts'
import { rerank } from './rerank.ts'

const none = (): undefined => undefined

const parse = (body: Record<string, unknown>) =>
  rerank.parse(JsonText.from({ model: 'm', query: 'q', documents: ['a', { text: 'b' }, 'c'], ...body }), none)

const answer = (body: Record<string, unknown>, scores: readonly number[]): unknown => {
  const events: ModelEvent[] = [
    { type: 'start', model: 'm-1' },
    ...scores.map((score, index): ModelEvent => ({ type: 'score', index, score })),
    { type: 'usage', usage: { input: reported(7) } },
    { type: 'end' },
  ]
  return JSON.parse(rerank.whole(events, { requestId: 'r1', created: 1, request: parse(body) }) as string)
}

test('the best come first, as many as were asked for, with their documents where they were asked for', () => {
  expect(answer({ top_n: 2, return_documents: true }, [-1, 3, 0.5])).toEqual({
    id: 'rerank-r1',
    object: 'list',
    model: 'm-1',
    results: [
      { index: 1, relevance_score: 3, document: { text: 'b' } },
      { index: 2, relevance_score: 0.5, document: { text: 'c' } },
    ],
    usage: { prompt_tokens: 7, total_tokens: 7 },
  })
  expect(answer({}, [-1, 3])).toMatchObject({
    results: [
      { index: 1, relevance_score: 3 },
      { index: 0, relevance_score: -1 },
    ],
  })
})

test('documents are texts, or objects with one', () => {
  expect(atOnce(parse({ top_n: 1, x: 1 }).prompt())).toEqual({
    kind: 'rerank',
    query: 'q',
    documents: ['a', 'b', 'c'],
    top: 1,
    returnDocuments: false,
    rest: { x: 1 },
  })
})

test.each([
  [{ query: null }, 'query'],
  [{ documents: 'a' }, 'documents'],
  [{ documents: [{ title: 'a' }] }, 'documents[0]'],
  [{ top_n: -1 }, 'top_n'],
  [{ return_documents: 1 }, 'return_documents'],
])('%j names the field at fault', (body, param) => {
  try {
    atOnce(parse(body).prompt())
    throw new Error('nothing was refused')
  } catch (thrown) {
    expect(thrown instanceof Failure && [thrown.code, thrown.facts.param]).toEqual(['bad_request', param])
  }
})

test('any JSON at all is read or refused, and any scores are answered in order', () => {
  const fields = fc.dictionary(
    fc.oneof(fc.constantFrom('query', 'documents', 'top_n', 'return_documents', 'model'), fc.string()),
    fc.jsonValue(),
  )
  fc.assert(
    fc.property(fields, fc.array(fc.double({ noNaN: true })), (body, scores) => {
      try {
        atOnce(parse(body).prompt())
      } catch (thrown) {
        expect(thrown instanceof Failure && thrown.code).toBe('bad_request')
      }
      const { results } = answer({}, scores) as { results: { relevance_score: number | null }[] }
      expect(results.map((each) => each.relevance_score)).toEqual(
        // JSON has no word for the infinite.
        scores.toSorted((a, b) => b - a).map((score) => JSON.parse(JSON.stringify(score)) as number | null),
      )
    }),
    { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 1000) },
  )
})
