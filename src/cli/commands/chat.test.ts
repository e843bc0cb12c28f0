import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'bun:test'

import { FakeModel, type Script } from '../../testing/fake-model.ts'
import { serveProcess, type Served } from '../../testing/served.ts'
import { Testbed } from '../../testing/testbed.ts'

const bed = new Testbed()
let upstream: FakeModel
let served: Served

beforeAll(async () => {
  upstream = await FakeModel.start()
  writeFileSync(
    join(bed.home, 'inhouse.yaml'),
    [
      `backends: { one: { kind: openai-compatible, url: "${upstream.url}/v1", place: local } }`,
      'models: { m: { backend: one } }',
      'retries: { attempts: 1 }',
    ].join('\n'),
  )
  served = await serveProcess({ home: bed.home })
})
afterAll(async () => {
  await served[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
  bed[Symbol.dispose]()
})

const text = (content: string): string =>
  `data: {"choices":[{"index":0,"delta":{"content":"${content}"}}]}\n\n`
const finish = 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
const answers = (...chunks: readonly string[]): void => {
  upstream.answer = (): Script => ({ chunks })
}

test('tokens that the backend does not tell are unknown to chat and bench, not nought', async () => {
  answers(text('One two'), finish, 'data: [DONE]\n\n')
  expect(await bed.json(['chat', 'hi'])).toMatchObject({
    answer: 'One two',
    usage: { inputTokens: null, outputTokens: null },
  })
  const { err } = await bed.run(['chat', '--decision', 'hi'])
  expect(err).toMatch(/^tokens unknown; first after [\d.]+ m?s$/m)
  const bench = ['bench', '--streams', '1', '--requests', '2']
  expect(await bed.json(bench)).toMatchObject({
    rows: [{ meanInputTokens: null, meanOutputTokens: null, tokensPerSecond: null }],
  })
  const shown = await bed.run(bench)
  expect(shown.out).not.toMatch(/TOKENS\/S|PROMPT|ANSWER/)
  expect(shown.err).toContain('does not tell the tokens')
})

test('what is said of an answer that was cut stands below it, with the reason that the ledger has', async () => {
  answers(text('One two'), 'data: {"error":{"message":"It broke.","type":"server_error"}}\n\n')
  const { code, out, err } = await bed.run(['chat', 'hi'])
  expect({ code, out }).toEqual({ code: 1, out: 'One two\n' })
  expect(err).toStartWith('inhouse: It broke.\n→ The backend failed')
  expect(await bed.json(['explain', '--limit', '1'])).toMatchObject([{ failure: 'upstream_failed' }])
})
