import { expect, test } from 'bun:test'

import { Failure } from '../../core/failure.ts'
import { Backoff } from './backoff.ts'

const pace = { backoffMs: 100, restMs: 1000 }
const crash = new Failure('engine_failed', 'It stopped.')

test('two failures are waited out, longer each time; the third gives up for a rest; after it there is one try', () => {
  const backoff = new Backoff()
  expect(backoff.add('a', crash, 0, pace)).toEqual({ waitMs: 100, givenUp: false })
  expect(backoff.blocks('a', 99)).toBe(true)
  expect(backoff.blocks('a', 100)).toBe(false)
  expect(backoff.refusal('a', 50)).toBeUndefined()
  expect(backoff.add('a', crash, 100, pace)).toEqual({ waitMs: 200, givenUp: false })
  expect(backoff.add('a', crash, 300, pace)).toEqual({ waitMs: 1000, givenUp: true })
  expect(backoff.refusal('a', 400)?.facts).toEqual({ message: 'It stopped.', retryAfterMs: 900 })
  expect(backoff.refusal('a', 1300)).toBeUndefined()
  expect(backoff.add('a', crash, 1300, pace).givenUp).toBe(true)
})

test('a row that was well again starts counting afresh, and one row’s setback is not another’s', () => {
  const backoff = new Backoff()
  backoff.add('a', crash, 0, pace)
  backoff.add('a', crash, 0, pace)
  expect(backoff.blocks('b', 0)).toBe(false)
  backoff.forget('a')
  expect(backoff.add('a', crash, 0, pace)).toEqual({ waitMs: 100, givenUp: false })
})
