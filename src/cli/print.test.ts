import fc from 'fast-check'
import { expect, test } from 'bun:test'

import { bytesText, countText, durationText, facts, memoryText, paintFor, table } from './print.ts'

const runs = { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 1000) }
const plain = paintFor({})

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1 kB'],
  [98_362_432, '98.4 MB'],
  [999_960, '1 MB'],
  [18.6e9, '18.6 GB'],
])('%d bytes read as %s', (bytes, text) => {
  expect(bytesText(bytes)).toBe(text)
})

test('memory is told in powers of 1024', () => {
  expect(memoryText(24 * 1024 ** 3)).toBe('24 GiB')
})

test.each([
  [0.26, '0.3 ms'],
  [350.4, '350 ms'],
  [999.6, '1.0 s'],
  [59_949, '59.9 s'],
  [59_960, '1 min'],
  [125_000, '2 min 5 s'],
  [3 * 3_600_000 + 240_000, '3 h 4 min'],
  [49 * 3_600_000, '2 d 1 h'],
])('%d milliseconds read as %s', (ms, text) => {
  expect(durationText(ms)).toBe(text)
})

test('a duration never reads as 60 seconds, 60 minutes or 1000 milliseconds', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), (ms) => {
      expect(durationText(ms)).not.toMatch(/\b60(?:\.0)? s|\b60 min|1000 ms/)
    }),
    runs,
  )
})

test('figures have separators', () => {
  expect(countText(1_234_567)).toBe('1,234,567')
})

test('columns are as wide as their widest cell, figures stand to the right, empty columns are left out', () => {
  const rows = [
    { name: 'a', count: 5, note: '' },
    { name: 'größer', count: 1234, note: '' },
  ]
  const text = table(
    [
      { title: 'NAME', cell: (row) => row.name },
      { title: 'COUNT', align: 'right', cell: (row) => String(row.count) },
      { title: 'NOTE', cell: (row) => row.note },
    ],
    rows,
    plain,
  )
  expect(text).toBe('NAME    COUNT\na           5\ngrößer   1234\n')
})

test('every line of a table is equally wide in the terminal, also with wide characters', () => {
  const cells = fc.array(fc.tuple(fc.string({ unit: 'grapheme', minLength: 1 }), fc.nat()), { minLength: 1 })
  fc.assert(
    fc.property(cells, (rows) => {
      const clean = rows.map(([name, count]) => [name.replaceAll(/[\p{C}\p{Z}]/gu, 'x'), count] as const)
      const text = table(
        [
          { title: 'A', cell: ([name]) => name },
          { title: 'B', align: 'right', cell: ([, count]) => String(count) },
        ],
        clean,
        plain,
      )
      const widths = new Set(
        text
          .trimEnd()
          .split('\n')
          .map((line) => Bun.stringWidth(line)),
      )
      expect(widths.size).toBe(1)
    }),
    runs,
  )
})

test('facts without a value are left out', () => {
  const pairs = [
    ['one', '1'],
    ['nothing', undefined],
    ['three', '3'],
  ] as const
  expect(facts(pairs, plain)).toBe('one    1\nthree  3\n')
})

test('there are colours on a terminal only, and none with NO_COLOR', () => {
  expect(paintFor({ isTTY: true }, {}).red('x')).toBe('\u001B[31mx\u001B[39m')
  expect(paintFor({ isTTY: true }, { NO_COLOR: '1' }).red('x')).toBe('x')
  expect(paintFor({ isTTY: false }, {}).red('x')).toBe('x')
})
