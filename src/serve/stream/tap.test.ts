import { describe, expect, test } from 'bun:test'

import type { ModelEvent } from '../../core/event.ts'
import { reported } from '../../core/usage.ts'
import { Tap } from './tap.ts'

function tapped(...events: ModelEvent[]): Tap {
  const tap = new Tap()
  for (const event of events) tap.see(event)
  return tap
}

describe('the tap', () => {
  test('takes what was reported, the later figure first, and guesses nothing then', () => {
    const tap = tapped(
      { type: 'usage', usage: { input: reported(12), output: reported(1), cached: reported(3) } },
      { type: 'text', text: 'a long text of many characters' },
      { type: 'finish', reason: 'stop' },
      { type: 'usage', usage: { output: reported(2) } },
    )
    expect(tap.usage(4000)).toEqual({ input: reported(12), output: reported(2), cached: reported(3) })
  })

  test('guesses the output from the pieces it came in, or from its length where pieces are large', () => {
    const empty: ModelEvent = { type: 'text', text: '' }
    expect(tapped(empty, empty).usage(0).output).toBeUndefined()
    const small = Array.from({ length: 9 }, (): ModelEvent => ({ type: 'text', text: 'a' }))
    expect(tapped(...small).usage(0).output).toEqual({ tokens: 9, source: 'estimated' })
    expect(tapped({ type: 'reasoning', text: 'x'.repeat(401) }).usage(0).output).toEqual({
      tokens: 101,
      source: 'estimated',
    })
  })

  test('guesses the input from the bytes of the request, and no output where nothing was said', () => {
    expect(tapped().usage(9)).toEqual({ input: { tokens: 3, source: 'estimated' } })
    expect(tapped().reportedUsage).toEqual({})
  })

  test('does not believe the first count of a stream that was cut', () => {
    const early: ModelEvent[] = [
      { type: 'usage', usage: { output: reported(1) } },
      { type: 'text', text: 'x'.repeat(40) },
    ]
    expect(tapped(...early).usage(0).output).toEqual({ tokens: 10, source: 'estimated' })
    expect(tapped(...early, { type: 'finish', reason: 'stop' }).usage(0).output).toEqual(reported(1))
  })

  test('is finished when every choice that began has its finish', () => {
    const one: ModelEvent = { type: 'finish', reason: 'stop' }
    expect(tapped({ type: 'text', text: 'a' }).finished).toBe(false)
    expect(tapped({ type: 'text', text: 'a' }, one).finished).toBe(true)
    expect(tapped({ type: 'tool-call', index: 0, id: 'a', name: 'b', choice: 1 }, one).finished).toBe(false)
    expect(tapped(one, { type: 'text', text: '' }).finished).toBe(true)
    expect(tapped({ type: 'end' }).finished).toBe(false)
  })

  test('keeps times, the end, and the first failure', () => {
    const tap = tapped(
      { type: 'timing', prefillMs: 1 },
      { type: 'timing', decodeMs: 2 },
      { type: 'failure', code: 'stalled', facts: { message: 'One.' } },
      { type: 'failure', code: 'upstream_cut', facts: { message: 'Two.' } },
      { type: 'end' },
    )
    expect(tap.timing).toEqual({ prefillMs: 1, decodeMs: 2 })
    expect(tap.failure?.code).toBe('stalled')
    expect(tap.ended).toBe(true)
  })
})
