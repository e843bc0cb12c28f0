import { expect, test } from 'bun:test'

import { Failure } from '../../core/failure.ts'
import { Health, HealthByModel } from './health.ts'
import { afterFailure } from './retry.ts'

const settings = { failuresToOpen: 3, openMs: 1000 }

function atTime(): { health: Health; advance: (ms: number) => void } {
  let tick = 0
  return {
    health: new Health({ now: () => tick, tick: () => tick }, settings),
    advance: (ms) => {
      tick += ms
    },
  }
}

test('a backend rests after failures in a row, and one success makes them forgotten', () => {
  const { health } = atTime()
  health.failed('connect_failed')
  health.failed('connect_failed')
  health.succeeded()
  health.failed('connect_failed')
  health.failed('connect_failed')
  expect(health.standing).toBe('up')
  health.failed('connect_failed')
  expect(health.standing).toBe('resting')
})

test('a request that the backend refused says nothing against the backend', () => {
  const { health } = atTime()
  for (let i = 0; i < 10; i++) health.failed('upstream_rejected')
  for (let i = 0; i < 10; i++) health.failed('context_exceeded')
  expect(health.standing).toBe('up')
})

test('after its rest one call may try, and nobody else; its failure brings another rest', () => {
  const { health, advance } = atTime()
  for (let i = 0; i < 3; i++) health.failed('upstream_failed')
  expect(health.enter()).toBeUndefined()
  advance(1000)
  expect([health.enter()?.isTrial, health.enter()]).toEqual([true, undefined])
  health.failed('upstream_failed')
  expect(health.restMs).toBe(1000)
})

test('an answer that begins lets others try, and one that is cut closes the way again', () => {
  const { health, advance } = atTime()
  for (let i = 0; i < 3; i++) health.failed('upstream_failed')
  advance(1000)
  health.enter()?.began()
  expect(health.standing).toBe('up')
  health.failed('upstream_cut')
  expect(health.standing).toBe('resting')
})

test('a probe that is answered ends the rest for one call, not for all', () => {
  const { health } = atTime()
  for (let i = 0; i < 3; i++) health.failed('connect_failed')
  health.probed()
  expect([health.enter()?.isTrial, health.enter()]).toEqual([true, undefined])
})

test('a try that nobody waited for leaves the way open for the next', () => {
  const { health, advance } = atTime()
  for (let i = 0; i < 3; i++) health.failed('stalled')
  advance(1000)
  health.enter()?.over()
  expect(health.standing).toBe('up')
})

test('what one call found is counted once, however many notice it', () => {
  const { health } = atTime()
  for (let i = 0; i < 2; i++) {
    const verdict = health.enter()
    verdict?.failed('upstream_cut')
    verdict?.failed('upstream_cut')
  }
  expect(health.standing).toBe('up')
})

test('a thousand made-up names make a backend forget none of its models that fail', () => {
  const clock = { now: () => 0, tick: () => 0 }
  const models = new HealthByModel(clock, { failuresToOpen: 1, openMs: 1000 })
  models.of('fails').failed('connect_failed')
  for (let at = 0; at < 3000; at++) {
    expect(models.standing(`made-up-${at}`)).toBe('up')
    models.of(`made-up-${at}`).succeeded()
  }
  expect(models.standing('fails')).toBe('resting')
})

test('a backend rests as a whole when every model that was asked there rests', () => {
  const clock = { now: () => 0, tick: () => 0 }
  const models = new HealthByModel(clock, { failuresToOpen: 1, openMs: 1000 })
  expect(models.standing()).toBe('up')
  models.of('one').failed('connect_failed')
  expect(models.standing()).toBe('resting')
  models.of('other').succeeded()
  expect(models.standing()).toBe('up')
})

const retries = { attempts: 2, backoffMs: 100, maxWaitMs: 2000 }

test('another target is asked at once where there is one', () => {
  expect(afterFailure(new Failure('upstream_overloaded', ''), 1, true, retries)).toEqual({ do: 'next' })
})

test('the last target is asked again after a wait, as often as the config says', () => {
  expect(afterFailure(new Failure('connect_failed', ''), 1, false, retries)).toEqual({
    do: 'again',
    afterMs: 100,
  })
  expect(afterFailure(new Failure('connect_failed', ''), 2, false, retries)).toEqual({ do: 'stop' })
})

test('Retry-After is waited for when it is short, and handed to the client when it is long', () => {
  const asking = (retryAfterMs: number): Failure =>
    new Failure('upstream_rate_limited', { message: '', retryAfterMs })
  expect(afterFailure(asking(1500), 1, false, retries)).toEqual({ do: 'again', afterMs: 1500 })
  expect(afterFailure(asking(60_000), 1, false, retries)).toEqual({ do: 'stop' })
})

test('a request that is wrong is wrong everywhere', () => {
  expect(afterFailure(new Failure('upstream_rejected', ''), 1, true, retries)).toEqual({ do: 'stop' })
})
