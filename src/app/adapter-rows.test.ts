import { expect, test } from 'bun:test'

import { withAdapters } from './adapter-rows.ts'

test('each adapter is a model of its own, asked as its row is, unless a row has its name', () => {
  const adapters = { sql: { path: '/sql' }, law: { path: '/law' } }
  const big = { backend: 'here', source: 'file:/m', system: 'Be kind.', model: 'served', adapters }
  const law = { route: ['big'] }
  expect(withAdapters({ big, 'big:law': law })).toEqual({
    big,
    'big:sql': { backend: 'here', source: 'file:/m', system: 'Be kind.', model: 'served' },
    'big:law': law,
  })
})
