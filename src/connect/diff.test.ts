import { expect, test } from 'bun:test'
import fc from 'fast-check'

import { diffOf } from './diff.ts'

const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 1000)

const shown = (before: string, after: string): string[] =>
  diffOf(before, after).map((part) => part.map(({ sign, text }) => sign + text).join('\n'))

test('a change is shown with the lines around it, and changes far apart in parts', () => {
  expect(shown('a\nb\nc\nd\ne\nf\ng\nh\n', 'a\nB\nc\nd\ne\nf\ng\nh\ni\n')).toEqual([
    ' a\n-b\n+B\n c\n d',
    ' g\n h\n+i',
  ])
})

test('of texts that are the same nothing is shown', () => {
  expect(diffOf('a\nb\n', 'a\nb\n')).toEqual([])
})

const lines = fc.array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 12 })

test('the lines with - and without are the old text, those with + and without the new one', () => {
  fc.assert(
    fc.property(lines, lines, (before, after) => {
      const all = diffOf(`${before.join('\n')}\n`, `${after.join('\n')}\n`, 100).flat()
      const side = (sign: '+' | '-'): string[] =>
        all.filter((line) => line.sign === sign || line.sign === ' ').map(({ text }) => text)
      if (all.length === 0) expect(before.join('\n')).toBe(after.join('\n'))
      else {
        expect(side('-').join('\n')).toBe(before.join('\n'))
        expect(side('+').join('\n')).toBe(after.join('\n'))
      }
    }),
    { numRuns },
  )
})
