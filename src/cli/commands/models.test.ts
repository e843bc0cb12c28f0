import { expect, test } from 'bun:test'

import type { Model } from '../../models/model.ts'
import { listing } from './models.ts'

const model = (source: string): Model => ({
  source,
  path: '/x',
  digest: 'ab',
  bytes: 10,
  trust: 'pinned',
  state: 'approved',
  facts: {
    format: 'gguf',
    parameters: 5,
    quantisation: 'Q4_K_M',
    hasChatTemplate: true,
    tensors: 1,
    headerBytes: 1,
  },
  files: [],
  notes: {},
  pulledAt: 0,
})

test('rows of the config come first, with all names of one source in one line; then what else is in the home', () => {
  const models = {
    small: { backend: 'here', source: 'pypi:a' },
    twin: { backend: 'here', source: 'pypi:a' },
    later: { backend: 'here', source: 'hf:b/c' },
    smart: { backend: 'cloud', model: 'opus' },
    auto: { route: ['small'] },
  }
  const rows = listing({ models }, [model('file:/z.gguf'), model('pypi:a')])
  expect(rows.map(({ names, source, state }) => [names.join(), source, state])).toEqual([
    ['small,twin', 'pypi:a', 'approved'],
    ['later', 'hf:b/c', 'not here yet'],
    ['smart', 'cloud: opus', 'elsewhere'],
    ['', 'file:/z.gguf', 'approved'],
  ])
})
