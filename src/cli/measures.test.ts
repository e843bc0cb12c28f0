import { expect, test } from 'bun:test'

import { measuresOf, runText, speedOf } from './measures.ts'

const run = (firstMs: number, outputTokens = 11) => ({
  firstMs,
  totalMs: firstMs + 1000,
  inputTokens: 100,
  outputTokens,
})

test('percentiles are values that were measured, and the speed of a stream begins at its first token', () => {
  const runs = Array.from({ length: 20 }, (_, index) => run((index + 1) * 10))
  expect(measuresOf(2, runs, 11_000)).toEqual({
    streams: 2,
    requests: 20,
    meanInputTokens: 100,
    meanOutputTokens: 11,
    firstTokenP50Ms: 100,
    firstTokenP95Ms: 190,
    tokensPerSecondEach: 10,
    tokensPerSecond: 20,
  })
})

test('an answer of one token has no speed, and does not spoil that of the others', () => {
  expect(measuresOf(1, [run(10, 1), run(10)], 2020).tokensPerSecondEach).toBe(10)
})

test('tokens that are not told are unknown, not nought', () => {
  const silent = { ...run(10), inputTokens: null, outputTokens: null }
  expect(measuresOf(1, [run(10), silent], 2020)).toMatchObject({
    meanInputTokens: null,
    meanOutputTokens: null,
    tokensPerSecond: null,
    firstTokenP50Ms: 10,
  })
  expect(runText(silent)).toBe('tokens unknown; first after 10 ms')
  expect(runText({ ...silent, outputTokens: 11 })).toBe(
    'unknown tokens in, 11 out; first after 10 ms, then 10 a second',
  )
})

test('tokens that came at once have no speed', () => {
  const atOnce = { ...run(100, 5), totalMs: 107 }
  expect(speedOf(atOnce)).toBeNull()
  expect(runText(atOnce)).toBe('100 tokens in, 5 out; first after 100 ms')
})
