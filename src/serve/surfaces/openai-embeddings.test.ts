import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import type OpenAI from 'openai'

import type { ModelEvent } from '../../core/event.ts'
import { JsonText } from '../../core/json.ts'
import type { AnswerFacts } from '../../core/surface.ts'
import { reported } from '../../core/usage.ts'
import { openAiEmbeddings } from './openai-embeddings.ts'
import { encodeVector } from './vector.ts'

const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 1000)

const factsFor = (encoding?: string): AnswerFacts => ({
  requestId: 'r1',
  created: 1700000000,
  request: openAiEmbeddings.parse(
    JsonText.from({ model: 'e', input: 'a', encoding_format: encoding ?? null }),
    () => undefined,
  ),
})

const answer = (vector: readonly number[] | string): ModelEvent[] => [
  { type: 'start', model: 'e-1' },
  { type: 'embedding', index: 1, vector },
  { type: 'embedding', index: 0, vector },
  { type: 'usage', usage: { input: reported(4) } },
  { type: 'end' },
]

const numbers = [0.5, -2, 0]
const base64 = 'AAAAPwAAAMAAAAAA'

test('vectors come as the client asked, whichever way the upstream sent them', () => {
  for (const sent of [numbers, base64]) {
    for (const [encoding, embedding] of [
      [undefined, numbers],
      ['float', numbers],
      ['base64', base64],
    ] as const) {
      const expected = {
        object: 'list',
        data: [0, 1].map((index) => ({
          object: 'embedding' as const,
          index,
          embedding: embedding as number[],
        })),
        model: 'e-1',
        usage: { prompt_tokens: 4, total_tokens: 4 },
      } satisfies OpenAI.CreateEmbeddingResponse
      expect(JSON.parse(String(openAiEmbeddings.whole(answer(sent), factsFor(encoding)))) as unknown).toEqual(
        expected,
      )
    }
  }
})

test('a vector of float32 survives both ways', () => {
  fc.assert(
    fc.property(fc.array(fc.float({ noNaN: true })), (vector) => {
      const there = encodeVector(vector, 'base64')
      expect(encodeVector(there, 'float')).toEqual(vector)
      expect(there).toBe(Buffer.from(Float32Array.from(vector).buffer).toString('base64'))
    }),
    { numRuns },
  )
})

test('embeddings never stream, whatever the client says', () => {
  const body = JsonText.from({ model: 'e', input: 'a', stream: true })
  expect(openAiEmbeddings.parse(body, () => undefined).stream).toBe(false)
})

test('an answer that somebody wants in pieces is written whole at its end', () => {
  const writer = openAiEmbeddings.stream(factsFor())
  const pieces = answer(numbers).map((event) => String(writer.write(event)))
  expect(pieces.slice(0, -1).join('')).toBe('')
  expect(pieces.at(-1)).toBe(String(openAiEmbeddings.whole(answer(numbers), factsFor())))
})
