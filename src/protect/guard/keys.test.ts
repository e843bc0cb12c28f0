import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'

import { hashSecret, mintSecret, readSecret } from './keys.ts'

const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 1000)

describe('a secret', () => {
  test('is whole as it was made, and no two are alike', () => {
    const made = Array.from({ length: 500 }, mintSecret)
    expect(new Set(made).size).toBe(500)
    for (const secret of made) {
      expect(secret).toMatch(/^ih-[0-9A-Za-z]{38}$/)
      expect(readSecret(secret)).toBe('whole')
    }
  })

  test('has every character equally often', () => {
    const characters = Array.from({ length: 500 }, () => mintSecret().slice(3, 35)).join('')
    const firstHalf = characters.replaceAll(/[V-Za-z]/g, '').length
    // Six standard deviations of 16,000 tosses.
    expect(Math.abs(firstHalf - characters.length / 2)).toBeLessThan(380)
  })

  test('with one character changed or two neighbours swapped is told to be mistyped', () => {
    const secret = mintSecret()
    for (let at = 3; at < secret.length; at++) {
      const wrong = secret[at] === 'x' ? 'y' : 'x'
      expect(readSecret(secret.slice(0, at) + wrong + secret.slice(at + 1))).toBe('mistyped')
      const swapped =
        secret.slice(0, at) +
        secret
          .slice(at, at + 2)
          .split('')
          .toReversed()
          .join('') +
        secret.slice(at + 2)
      if (swapped !== secret) expect(readSecret(swapped)).toBe('mistyped')
    }
    expect(readSecret(secret.slice(0, -1))).toBe('mistyped')
  })

  test('of another make is told to be foreign', () => {
    expect(readSecret('sk-proj-abc')).toBe('foreign')
    expect(readSecret('')).toBe('foreign')
  })

  test('reading never throws, whatever it is given', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `ih-${text}`),
        ),
        (text) => {
          expect(readSecret(text)).not.toBe('whole')
          expect(hashSecret(text)).toMatch(/^[0-9a-f]{64}$/)
        },
      ),
      { numRuns },
    )
  })
})
