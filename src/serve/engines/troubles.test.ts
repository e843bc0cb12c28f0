import { expect, test } from 'bun:test'

import { Failure } from '../../core/failure.ts'
import { Troubles } from './troubles.ts'

const pace = { backoffMs: 100, restMs: 1000 }
const crash = new Failure('engine_failed', 'It stopped.')

test('two failures are waited out, longer each time; the third gives up for a rest; after it there is one try', () => {
  const troubles = new Troubles()
  expect(troubles.add('a', crash, 0, pace)).toEqual({ waitMs: 100, givenUp: false })
  expect(troubles.blocks('a', 99)).toBe(true)
  expect(troubles.blocks('a', 100)).toBe(false)
  expect(troubles.refusal('a', 50)).toBeUndefined()
  expect(troubles.add('a', crash, 100, pace)).toEqual({ waitMs: 200, givenUp: false })
  expect(troubles.add('a', crash, 300, pace)).toEqual({ waitMs: 1000, givenUp: true })
  expect(troubles.refusal('a', 400)?.facts).toEqual({ message: 'It stopped.', retryAfterMs: 900 })
  expect(troubles.refusal('a', 1300)).toBeUndefined()
  expect(troubles.add('a', crash, 1300, pace).givenUp).toBe(true)
})

test('a row that was well again starts counting afresh, and one row’s trouble is not another’s', () => {
  const troubles = new Troubles()
  troubles.add('a', crash, 0, pace)
  troubles.add('a', crash, 0, pace)
  expect(troubles.blocks('b', 0)).toBe(false)
  troubles.forget('a')
  expect(troubles.add('a', crash, 0, pace)).toEqual({ waitMs: 100, givenUp: false })
})
