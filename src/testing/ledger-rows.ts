import type { Decision } from '../core/decision.ts'
import type { Hold, Settlement } from '../core/ledger.ts'
import { reported } from '../core/usage.ts'

/** A clock that tests move by hand. */
export const handClock = (start = Date.UTC(2026, 10, 21, 12)) => {
  const clock = {
    at: start,
    now: () => clock.at,
    tick: () => clock.at,
  }
  return clock
}

const target = { row: 'small', backend: 'here', model: 'smollm2', place: 'local' }

export const heldDecision: Decision = {
  asked: 'small',
  label: 'internal',
  considered: [
    { ...target, verdict: 'eligible', reasons: [{ code: 'named', text: 'The client named it.' }] },
    {
      row: 'smart',
      backend: 'cloud',
      model: 'large',
      place: 'cloud',
      verdict: 'passed-over',
      reasons: [{ code: 'not_needed', text: 'It comes after the first.' }],
    },
  ],
  attempts: [],
  reasons: [{ code: 'alias', text: 'small is a row of models.' }],
}

export const holdOf = (id: string, at: number, changes: Partial<Hold> = {}): Hold => ({
  id,
  at,
  key: 'key_1',
  team: undefined,
  tags: [],
  operation: 'chat',
  surface: 'openai-chat',
  askedModel: 'small',
  servedModel: 'smollm2',
  backend: 'here',
  place: 'local',
  label: 'internal',
  decision: heldDecision,
  ...changes,
})

export const settlementOf = (id: string, changes: Partial<Settlement> = {}): Settlement => ({
  id,
  outcome: 'done',
  servedModel: 'smollm2',
  backend: 'here',
  place: 'local',
  decision: {
    ...heldDecision,
    attempts: [{ ...target, outcome: 'answered', status: 200, queueMs: 0.25, tookMs: 12.5 }],
  },
  usage: { input: reported(100), output: reported(20) },
  queueMs: 0.25,
  firstEventMs: 4.5,
  totalMs: 13,
  ...changes,
})
