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
