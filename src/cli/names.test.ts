import fc from 'fast-check'
import { expect, test } from 'bun:test'

import { matchName } from '../core/names.ts'
import { listText, strangers } from './names.ts'

test('long lists of names are cut with how many are left out', () => {
  expect(listText(['a', 'b'])).toBe('a, b')
  expect(listText(Array.from({ length: 20 }, (_, at) => `m${at}`))).toEndWith('m10, m11 and 8 more')
})

test('two patterns that some name fits both are never strangers', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 })
  const starred = (name: string, cuts: readonly number[]): string => {
    const [from = 0, to = 0] = cuts.map((cut) => cut % (name.length + 1)).toSorted((a, b) => a - b)
    return `${name.slice(0, from)}*${name.slice(to)}`
  }
  const cuts = fc.array(fc.nat(20), { minLength: 2, maxLength: 2 })
  fc.assert(
    fc.property(text, cuts, cuts, (name, one, other) => {
      expect(strangers('model', [starred(name, one)], [starred(name, other)])).toEqual([])
      expect(strangers('model', [name], [starred(name, other)])).toEqual([])
      expect(strangers('model', [starred(name, one)], [name])).toEqual([])
    }),
    { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 1000) },
  )
})

test('patterns that are no strangers have a name that fits both', () => {
  const piece = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 3 })
  const pattern = fc.array(piece, { minLength: 2, maxLength: 4 }).map((pieces) => pieces.join('*'))
  fc.assert(
    fc.property(pattern, pattern, (one, other) => {
      if (strangers('model', [one], [other]).length > 0) return
      const longer = (a: string, b: string): string => (a.length > b.length ? a : b)
      const [a, b] = [one.split('*'), other.split('*')]
      const head = longer(a[0] ?? '', b[0] ?? '')
      const tail = longer(a.at(-1) ?? '', b.at(-1) ?? '')
      const witness = [head, ...a.slice(1, -1), ...b.slice(1, -1), tail].join('')
      expect(matchName(witness, [one])).toBe(one)
      expect(matchName(witness, [other])).toBe(other)
    }),
    { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 1000) },
  )
})
