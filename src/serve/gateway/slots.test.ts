import { expect, test } from 'bun:test'
import fc from 'fast-check'

import { Failure } from '../../core/failure.ts'
import { Slots } from './slots.ts'

const runs = { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 1000) }
const patient = 60_000
const forever = new AbortController().signal

const codeOf = (thrown: unknown): string | undefined => (thrown instanceof Failure ? thrown.code : undefined)

test('a call that finds a free slot does not wait for a turn of the loop', () => {
  expect(new Slots('gpu').resize(1, 0).take(forever, patient)).toBeInstanceOf(Function)
})

test('a full line refuses at once and says when to come back', () => {
  const slots = new Slots('gpu').resize(1, 0)
  void slots.take(forever, patient)
  let thrown: unknown
  try {
    void slots.take(forever, patient)
  } catch (caught) {
    thrown = caught
  }
  expect(codeOf(thrown)).toBe('queue_full')
  expect((thrown as Failure).facts.retryAfterMs).toBeGreaterThan(0)
})

test('who waits too long is told, and the place goes to the next', async () => {
  const slots = new Slots('gpu').resize(1, 2)
  const release = await slots.take(forever, patient)
  const hasty = Promise.resolve(slots.take(forever, 1)).catch(codeOf)
  const next = slots.take(forever, patient)
  expect(await hasty).toBe('queue_timeout')
  release()
  expect(await next).toBeInstanceOf(Function)
})

test('a client that leaves while it waits leaves the line', async () => {
  const slots = new Slots('gpu').resize(1, 1)
  const release = await slots.take(forever, patient)
  const client = new AbortController()
  const waiting = Promise.resolve(slots.take(client.signal, patient)).catch(codeOf)
  client.abort()
  expect(await waiting).toBe('client_left')
  expect(slots.waiting).toBe(0)
  release()
  expect(slots.busy).toBe(0)
})

test('a place given back twice is one place', async () => {
  const slots = new Slots('gpu').resize(1, 0)
  const release = await slots.take(forever, patient)
  release()
  release()
  await slots.take(forever, patient)
  expect(slots.busy).toBe(1)
})

test('however takes, leaves and releases interleave, never more run than allowed, first come is first served, and all ends empty', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 3 }),
      fc.array(fc.nat({ max: 9 }), { maxLength: 40 }),
      async (most, steps) => {
        const slots = new Slots('gpu').resize(most, 100)
        const held: (() => void)[] = []
        const waiting: AbortController[] = []
        const served: number[] = []
        const serve = async (taken: Promise<() => void>, turn: number): Promise<void> => {
          const release = await taken.catch(() => undefined)
          if (release === undefined) return
          served.push(turn)
          held.push(release)
        }
        for (const [turn, step] of steps.entries()) {
          if (step < 5) {
            const client = new AbortController()
            const taken = slots.take(client.signal, patient)
            if (taken instanceof Promise) {
              waiting.push(client)
              void serve(taken, turn)
            } else held.push(taken)
          } else if (step < 8) held.shift()?.()
          else waiting.splice(step % (waiting.length + 1), 1)[0]?.abort()
          await Promise.resolve()
          expect(slots.busy).toBeLessThanOrEqual(most)
        }
        for (const client of waiting) client.abort()
        await Promise.resolve()
        for (const release of held) release()
        expect(served).toEqual(served.toSorted((a, b) => a - b))
        expect([slots.busy, slots.waiting]).toEqual([0, 0])
      },
    ),
    runs,
  )
})
