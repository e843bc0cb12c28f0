import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'

import { localCounters } from './limits.ts'
import type { Lease, Limit, Limits, Refusal } from './limits.ts'
import { windowMs } from './window.ts'

const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 1000)

const limit = (unit: keyof Limits, most: number, id: string = unit): Limit => ({
  id,
  unit,
  most,
  owner: `key ${id}`,
})

const leaseOf = (taken: Lease | Refusal): Lease => {
  if ('limit' in taken) throw new Error(`refused by ${taken.limit.id}`)
  return taken
}

const refusalOf = (taken: Lease | Refusal): Refusal => {
  if (!('limit' in taken)) throw new Error('not refused')
  return taken
}

const held = () => {
  const clock = { now: 1_000_000 }
  return { clock, counters: localCounters(() => clock.now) }
}

/** What a person would do with pencil and paper: every take and correction is a line, and lines are added up. */
class Paper {
  readonly lines: { at: number; tokens: number; requests: number }[] = []
  running = 0

  sum(what: 'tokens' | 'requests', now: number): number {
    return this.lines.filter((line) => line.at + windowMs > now).reduce((sum, line) => sum + line[what], 0)
  }

  fits(limits: Required<Limits>, tokens: number, now: number): boolean {
    return (
      this.sum('requests', now) + 1 <= limits.requestsPerMinute &&
      this.sum('tokens', now) + tokens <= limits.tokensPerMinute &&
      this.running < limits.concurrency
    )
  }
}

const step = fc.oneof(
  fc.record({ kind: fc.constant('wait' as const), ms: fc.oneof(fc.nat(50), fc.nat(70_000)) }),
  fc.record({ kind: fc.constant('take' as const), tokens: fc.nat(60) }),
  fc.record({ kind: fc.constant('take' as const), tokens: fc.nat(60) }),
  fc.record({ kind: fc.constant('close' as const), which: fc.nat(10), tokens: fc.nat(90) }),
)

const someLimits = fc.record({
  requestsPerMinute: fc.integer({ min: 1, max: 12 }),
  tokensPerMinute: fc.integer({ min: 1, max: 150 }),
  concurrency: fc.integer({ min: 1, max: 6 }),
})

describe('limits', () => {
  test('over any schedule a call passes exactly when every limit has room, and the told wait is true', () => {
    fc.assert(
      fc.property(someLimits, fc.array(step, { maxLength: 60 }), (limits, steps) => {
        const { clock, counters } = held()
        const paper = new Paper()
        const open: { lease: Lease; line: Paper['lines'][number] }[] = []
        const all = (Object.keys(limits) as (keyof Limits)[]).map((unit) => limit(unit, limits[unit]))
        for (const next of steps) {
          if (next.kind === 'wait') clock.now += next.ms
          else if (next.kind === 'close') {
            const [call] = open.splice(next.which % Math.max(1, open.length), 1)
            if (call === undefined) continue
            call.lease.close(next.tokens)
            call.lease.close(0)
            paper.running--
            if (next.tokens <= call.line.tokens) call.line.tokens = next.tokens
            else paper.lines.push({ at: clock.now, tokens: next.tokens - call.line.tokens, requests: 0 })
          } else {
            const taken = counters.take(all, next.tokens)
            expect('limit' in taken).toBe(!paper.fits(limits, next.tokens, clock.now))
            if ('limit' in taken) {
              if (taken.retryAfterMs === Infinity) expect(next.tokens).toBeGreaterThan(limits.tokensPerMinute)
              else if (paper.running < limits.concurrency) {
                expect(paper.fits(limits, next.tokens, clock.now + taken.retryAfterMs - 1)).toBe(false)
                expect(paper.fits(limits, next.tokens, clock.now + taken.retryAfterMs)).toBe(true)
              }
            } else {
              const line = { at: clock.now, tokens: next.tokens, requests: 1 }
              paper.lines.push(line)
              paper.running++
              open.push({ lease: taken, line })
            }
          }
        }
      }),
      { numRuns },
    )
  })

  test('64 clients at once get exactly the limit, and no window of a minute holds more', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.integer({ min: 1, max: 40 }), async (scheduler, most) => {
        const { clock, counters } = held()
        const limits = [limit('requestsPerMinute', most), limit('concurrency', 10)]
        const admitted: number[] = []
        let running = 0
        const client = async (): Promise<void> => {
          for (let call = 0; call < 3; call++) {
            await scheduler.schedule(Promise.resolve())
            clock.now += 137
            const taken = counters.take(limits, 0)
            if ('limit' in taken) continue
            admitted.push(clock.now)
            running++
            expect(running).toBeLessThanOrEqual(10)
            await scheduler.schedule(Promise.resolve())
            running--
            taken.close(0)
          }
        }
        const clients = Array.from({ length: 64 }, client)
        await scheduler.waitFor(Promise.all(clients))
        for (const end of admitted) {
          expect(admitted.filter((at) => at <= end && at > end - windowMs).length).toBeLessThanOrEqual(most)
        }
        expect(admitted.length).toBeGreaterThanOrEqual(Math.min(most, 10))
      }),
      { numRuns: Math.ceil(numRuns / 50) },
    )
  })

  test('a call that one limit refuses takes nothing from the others', () => {
    const { counters } = held()
    const roomy = limit('requestsPerMinute', 1, 'roomy')
    const full = limit('requestsPerMinute', 0, 'full')
    expect(refusalOf(counters.take([roomy, full], 0)).limit).toBe(full)
    leaseOf(counters.take([roomy], 0))
    expect(refusalOf(counters.take([roomy], 0)).limit).toBe(roomy)
  })

  test('of several refusals the longest wait is told', () => {
    const { clock, counters } = held()
    leaseOf(counters.take([limit('requestsPerMinute', 1)], 0))
    clock.now += 10_000
    leaseOf(counters.take([limit('tokensPerMinute', 5)], 5))
    const both = [limit('requestsPerMinute', 1), limit('tokensPerMinute', 5)]
    for (const limits of [both, both.toReversed()]) {
      expect(refusalOf(counters.take(limits, 5))).toEqual({
        limit: limit('tokensPerMinute', 5),
        retryAfterMs: windowMs,
      })
    }
  })

  test('a call that ran longer than the window still pays for what it used beyond its estimate', () => {
    const { clock, counters } = held()
    const tokens = limit('tokensPerMinute', 100)
    const long = leaseOf(counters.take([tokens], 10))
    clock.now += 10 * windowMs
    for (let i = 0; i < 10; i++)
      leaseOf(counters.take([limit('requestsPerMinute', 100, `other ${i}`)], 0)).close(0)
    long.close(110)
    expect(refusalOf(counters.take([tokens], 1)).retryAfterMs).toBe(windowMs)
  })

  test('counters that nobody uses any more are forgotten', () => {
    const { clock, counters } = held()
    for (let i = 0; i < 1000; i++)
      leaseOf(counters.take([limit('requestsPerMinute', 1, `key ${i}`)], 0)).close(0)
    expect(counters.size).toBe(1000)
    clock.now += windowMs
    for (let i = 0; i < 600; i++) leaseOf(counters.take([limit('concurrency', 1, 'one')], 0)).close(0)
    expect(counters.size).toBeLessThan(5)
  })
})
