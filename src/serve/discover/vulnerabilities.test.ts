import { expect, test } from 'bun:test'

import { vulnerabilities, vulnerabilitiesAsOf, vulnerabilitiesOf } from './vulnerabilities.ts'

const idsOf = (engine: string, version: string | undefined): string[] =>
  vulnerabilitiesOf(engine, version).map(({ id }) => id)

test('a hole is there from its first version to the one that closes it', () => {
  expect(idsOf('vllm', '0.13.0')).toContain('CVE-2026-22807')
  expect(idsOf('vllm', '0.14.0')).not.toContain('CVE-2026-22807')
  expect(idsOf('vllm', '0.10.0')).not.toContain('CVE-2026-22807')
  expect(idsOf('vllm', '0.31.0')).toEqual([])
  expect(idsOf('ollama', '0.17.0')).toEqual(['CVE-2026-7482'])
})

test('numbers count as numbers, and what stands behind them does not', () => {
  expect(idsOf('vllm', '0.9.2')).not.toEqual([])
  expect(idsOf('vllm', '0.100.0')).toEqual([])
  expect(idsOf('vllm', 'v0.32.0+cpu')).toEqual([])
  expect(idsOf('vllm', '0.30.0rc1')).toEqual(['release 0.31.0'])
})

test('a version that nobody can read has none, and neither has another engine', () => {
  expect([...idsOf('vllm', undefined), ...idsOf('vllm', 'main'), ...idsOf('tgi', '0.1.0')]).toEqual([])
})

test('the table says when it was looked through, and no row is closed before it opens', () => {
  expect(vulnerabilitiesAsOf).toMatch(/^\d{4}-\d\d-\d\d$/)
  for (const { engine, since, fixedIn, id } of vulnerabilities)
    if (since !== undefined) expect(idsOf(engine, since)).toContain(id)
    else expect(idsOf(engine, fixedIn)).not.toContain(id)
})
