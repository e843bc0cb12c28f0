import { expect, test } from 'bun:test'

import { Failure } from '../core/failure.ts'
import { claudeCode } from '../connect/tools/claude-code.ts'
import { engineServer } from '../testing/engine-servers.ts'
import { chooseModel, servedModels } from './served.ts'

const tiny = { name: 'tiny', context: 4096 }
const vectors = { name: 'vectors', context: 100_000, capabilities: ['embed'] } as const
const large = { name: 'large', context: 65_536, capabilities: ['chat', 'tools'] } as const
const unknown = { name: 'unknown' }

const failureOf = (...args: Parameters<typeof chooseModel>): Failure => {
  try {
    chooseModel(...args)
  } catch (thrown) {
    if (thrown instanceof Failure) return thrown
  }
  throw new Error('It was chosen.')
}

test('without a name the first that chats and is large enough is taken; one of unknown size counts as large', () => {
  expect(chooseModel(claudeCode, [tiny, vectors, large], undefined, false)).toBe(large)
  expect(chooseModel(claudeCode, [tiny, unknown, large], undefined, false)).toBe(unknown)
})

test('one that is too small is refused by name and where there is no other, unless it is forced', () => {
  const refused = failureOf(claudeCode, [tiny, large], 'tiny', false)
  expect(refused.code).toBe('context_too_small')
  expect(refused.message).toBe('Claude Code needs 32,768 tokens to finish a turn; tiny takes 4,096.')
  expect(failureOf(claudeCode, [tiny], undefined, false).code).toBe('context_too_small')
  expect(chooseModel(claudeCode, [tiny], undefined, true)).toBe(tiny)
})

test('a name that nobody has, and a server without models, are told', () => {
  expect(failureOf(claudeCode, [large], 'lage', false).message).toContain('did you mean large?')
  expect(failureOf(claudeCode, [vectors], undefined, false).code).toBe('model_unknown')
})

test.each([
  ['a page', '<html>hello</html>'],
  ['JSON of another kind', { hello: 1 }],
  ['nothing but that the page is missing', undefined],
])('where a server answers %s, it is told that no inhouse is there', async (_, answer) => {
  using server = engineServer({ '/v1/models': answer })
  const asking = servedModels({ url: server.url, key: 'sk-x' })
  const failure = await asking.catch((thrown: unknown) => thrown)
  expect(failure).toMatchObject({
    code: 'server_unreachable',
    message: expect.stringContaining(`No inhouse answers at ${server.url}`),
  })
})
