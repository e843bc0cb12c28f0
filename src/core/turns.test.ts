import { describe, expect, test } from 'bun:test'

import { turnsDuring } from '../testing/turns.ts'
import { atOnce, inTurns, paced, type Work } from './turns.ts'

function* counting(to: number, log: unknown[] = [], name: unknown = 'step'): Work<number> {
  for (let step = 0; step < to; step++) {
    log.push(name)
    yield
  }
  return to
}

describe('long work', () => {
  test('gives the event loop its turn at each pause', async () => {
    expect(await turnsDuring(inTurns(counting(20), 0))).toBeGreaterThan(15)
  })

  test('waits for the others: two of them take turns, and neither holds up the loop twice as long', async () => {
    const log: string[] = []
    const works = ['a', 'b'].map((name) => inTurns(counting(20, log, name), 0))
    const tick = (): void => {
      log.push('|')
      if (log.length < 100) setImmediate(tick)
    }
    setImmediate(tick)
    await Promise.all(works)
    const turns = log.join('').split('|').slice(1, 20)
    expect(turns.every((steps) => steps.length <= 1)).toBe(true)
    expect(log.join('')).toContain('a|b|a|b')
  })

  test('that fails fails whoever waits for it, and nobody else', async () => {
    function* broken(): Work<never> {
      yield
      throw new Error('no')
    }
    const [failed, done] = await Promise.allSettled([inTurns(broken(), 0), inTurns(counting(3), 0)])
    expect(failed).toMatchObject({ status: 'rejected', reason: new Error('no') })
    expect(done).toEqual({ status: 'fulfilled', value: 3 })
  })
})

test('small work is done when it is asked for, large work later', async () => {
  expect(paced(32 * 1024, counting(3))).toBe(3)
  const later = paced(32 * 1024 + 1, counting(3))
  expect(later).toBeInstanceOf(Promise)
  expect(await later).toBe(3)
  expect(atOnce(counting(3))).toBe(3)
})
