import fc from 'fast-check'
import { InvalidArgumentError } from 'commander'
import { expect, test } from 'bun:test'

import { atMost, day, label, serverUrl, sha256 } from './parse.ts'

const refused = (read: () => unknown): boolean => {
  try {
    read()
    return false
  } catch (thrown) {
    if (thrown instanceof InvalidArgumentError) return true
    throw thrown
  }
}

test('every day that there is is read as it was written, and no other one', () => {
  const days = fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
  fc.assert(
    fc.property(days, (date) => {
      const text = date.toISOString().slice(0, 10)
      expect(day(text)).toBe(text)
    }),
    { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 1000) },
  )
  for (const text of ['2026-02-31', '2025-02-29', '2026-13-01', 'yesterday', '2026-1-1', ''])
    expect({ text, refused: refused(() => day(text)) }).toEqual({ text, refused: true })
})

test('a name is a word or several, not empty, and without control characters', () => {
  expect(label('Ada Lovelace (é)')).toBe('Ada Lovelace (é)')
  for (const text of ['', ' ', ' a', 'a ', 'a  b', 'a\nb', 'a\u001B[31m'])
    expect({ text, refused: refused(() => label(text)) }).toEqual({ text, refused: true })
})

test('the address of a server is told without its /v1', () => {
  expect(['http://a:1/v1', 'http://a:1/v1/', 'http://a:1', 'https://a/gate/v1'].map(serverUrl)).toEqual([
    'http://a:1',
    'http://a:1',
    'http://a:1',
    'https://a/gate',
  ])
  expect(['nota', 'ftp://a', '127.0.0.1:4141'].map((text) => refused(() => serverUrl(text)))).toEqual([
    true,
    true,
    true,
  ])
})

test('a number above the most and a digest that is none are refused', () => {
  expect(atMost(10)('10')).toBe(10)
  expect([refused(() => atMost(10)('11')), refused(() => sha256('xyz'))]).toEqual([true, true])
  expect(sha256('AB'.repeat(32))).toBe('ab'.repeat(32))
})
