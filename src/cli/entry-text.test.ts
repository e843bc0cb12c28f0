import { expect, test } from 'bun:test'

import type { Entry } from '../account/ledger/entry.ts'
import { paintFor } from './print.ts'
import { entryText } from './entry-text.ts'

const target = { row: 'small', backend: 'here', model: 'small', place: 'local' }
const entry: Entry = {
  id: 'req_1',
  at: 0,
  key: 'key_1',
  team: 'research',
  tags: ['nightly'],
  operation: 'chat',
  surface: 'openai-chat',
  askedModel: 'auto',
  servedModel: 'small',
  backend: 'here',
  place: 'local',
  label: 'internal',
  outcome: 'failed',
  failure: 'stalled',
  usage: { input: { tokens: 1200, source: 'reported' }, output: { tokens: 7, source: 'estimated' } },
  queueMs: 2,
  totalMs: 1500,
  decision: {
    asked: 'auto',
    label: 'internal',
    considered: [
      { ...target, row: 'smart', verdict: 'passed-over', reasons: [{ code: 'resting', text: 'it rests' }] },
      { ...target, verdict: 'eligible', reasons: [] },
    ],
    attempts: [{ ...target, outcome: 'failed', failure: 'stalled', queueMs: 2, tookMs: 1400 }],
    reasons: [{ code: 'route', text: 'first of the route that may and can' }],
  },
}

test('a report says who answered, why, who was passed over, what was tried, and what the failure means', () => {
  const text = entryText(entry, 'alice', paintFor({}))
  expect(text).toMatch(/^req_1 {2}failed: stalled\n→ Raise `timeouts\.betweenEventsMs`/)
  expect(text).toContain('by alice of research')
  expect(text).toContain('first of the route that may and can')
  expect(text).toContain('1,200 in, 7 out (estimated)')
  expect(text).toContain('2.0 ms in the queue, 1.5 s in all')
  expect(text).toMatch(/^smart +here +small +local +passed over +it rests$/m)
  expect(text).toMatch(/^small +here +small +local +failed: stalled +2\.0 ms +1\.4 s$/m)
})

test('where a backend could not be reached is told, for clients are told only its name', () => {
  const attempts = [
    {
      ...target,
      outcome: 'failed',
      failure: 'connect_failed',
      address: 'http://gpu1:80',
      queueMs: 0,
      tookMs: 1,
    },
  ] as const
  const text = entryText({ ...entry, decision: { ...entry.decision, attempts } }, 'alice', paintFor({}))
  expect(text).toMatch(/^small +here +small +local +failed: connect_failed \(http:\/\/gpu1:80\)/m)
})

test('only a request that was answered is said to be; one that nobody may and can answer names no target', () => {
  const said = (changes: Partial<Entry>): string => entryText({ ...entry, ...changes }, 'alice', paintFor({}))
  expect(said({})).toMatch(/^target +small at here, place local$/m)
  expect(said({})).not.toContain('answered by')
  const { failure: _, ...done } = entry
  expect(entryText({ ...done, outcome: 'done' }, 'alice', paintFor({}))).toMatch(
    /^answered by +small at here/m,
  )
  const nobody = said({ failure: 'no_target', servedModel: '', backend: '', place: '' })
  expect(nobody).not.toMatch(/answered by|target +|place/)
})
