import { expect, test } from 'bun:test'
import fc from 'fast-check'

import { Failure } from '../../core/failure.ts'
import type { Identity } from '../../core/guard.ts'
import { JsonText } from '../../core/json.ts'
import { matchName } from '../../core/names.ts'
import { builtInPlaces } from '../../core/place.ts'
import type { ModelRequest } from '../../core/request.ts'
import { createRouter, type ModelRow } from './router.ts'

const anyone: Identity = {
  key: 'k',
  name: 'k',
  team: undefined,
  tags: [],
  models: undefined,
  places: undefined,
}
const up = (): 'up' => 'up'

const asking = (model: string, operation: ModelRequest['operation'] = 'chat'): ModelRequest => ({
  operation,
  dialect: 'openai-chat',
  model,
  stream: false,
  wantsUsage: false,
  maxOutputTokens: undefined,
  body: JsonText.from({ model }),
  headers: {},
  prompt: () => {
    throw new Error('A router does not read the prompt.')
  },
})

const backends = new Map([
  ['here', { place: builtInPlaces.local, operations: ['chat', 'embed'] as const }],
  ['cloud', { place: builtInPlaces.cloud, operations: ['chat'] as const }],
])
const row = (name: string, rest: Omit<ModelRow, 'name' | 'behaviour'>): ModelRow => ({
  name,
  behaviour: {},
  ...rest,
})
const rows = [
  row('small', { backend: 'here' }),
  row('smart', { backend: 'cloud', model: 'claude-opus' }),
  row('auto', { route: ['smart', 'small'] }),
  row('nested', { route: ['auto', 'small'] }),
  row('claude-*', { backend: 'cloud' }),
  row('claude-haiku*', { backend: 'here', model: 'small' }),
]
const route = createRouter(rows, backends)

test('a name leads to its row, under the name that the backend knows', () => {
  expect(route(asking('smart'), anyone, up).targets).toMatchObject([
    { row: 'smart', backend: 'cloud', model: 'claude-opus' },
  ])
})

test('a wildcard passes the name on, and the wildcard that says most wins', () => {
  expect(route(asking('claude-sonnet'), anyone, up).targets).toMatchObject([
    { backend: 'cloud', model: 'claude-sonnet' },
  ])
  expect(route(asking('claude-haiku-5'), anyone, up).targets).toMatchObject([
    { backend: 'here', model: 'small' },
  ])
})

test('a chain keeps its order, and a row met twice counts once', () => {
  expect(route(asking('nested'), anyone, up).targets.map((target) => target.row)).toEqual(['smart', 'small'])
})

test('a backend that rests is passed over, and the decision says so', () => {
  const { targets, considered } = route(asking('auto'), anyone, (name) =>
    name === 'cloud' ? 'resting' : 'up',
  )
  expect(targets.map((target) => target.row)).toEqual(['small'])
  expect(considered[0]).toMatchObject({
    row: 'smart',
    verdict: 'passed-over',
    reasons: [{ code: 'resting' }],
  })
})

test('a key that may not use a place is never sent there', () => {
  const homebody: Identity = { ...anyone, places: ['local'] }
  expect(route(asking('auto'), homebody, up).targets.map((target) => target.row)).toEqual(['small'])
  expect(route(asking('smart'), homebody, up).targets).toEqual([])
})

test('a backend is not asked for what it cannot do', () => {
  expect(route(asking('auto', 'embed'), anyone, up).targets.map((target) => target.row)).toEqual(['small'])
})

test('a name that nobody has is a failure, not a guess', () => {
  let thrown: unknown
  try {
    route(asking('gpt-5'), anyone, up)
  } catch (caught) {
    thrown = caught
  }
  expect(thrown).toBeInstanceOf(Failure)
  expect((thrown as Failure).code).toBe('model_unknown')
})

test('a wildcard fits exactly the names that the same pattern as an expression fits', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '-'), maxLength: 8 })
  const pattern = fc.array(letters, { minLength: 2, maxLength: 4 }).map((pieces) => pieces.join('*'))
  fc.assert(
    fc.property(letters, pattern, (name, entry) => {
      const expected = new RegExp(`^${entry.replaceAll('*', '.*')}$`).test(name)
      expect(matchName(name, [entry]) !== undefined).toBe(expected || name === entry)
    }),
    { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 1000) },
  )
})

test('a route says which row took the name: itself, the wildcard, or the alias', () => {
  const decide = createRouter(rows, backends)
  const taken = ['small', 'auto', 'claude-opus-9', 'claude-haiku-9'].map(
    (name) => decide(asking(name), anyone, up).row,
  )
  expect(taken).toEqual(['small', 'auto', 'claude-*', 'claude-haiku*'])
})
