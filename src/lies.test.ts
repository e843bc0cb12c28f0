import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { contractClients, contractUpstreams } from './testing/contract/index.ts'
import type { ContractUpstream } from './testing/contract/upstream.ts'
import { FakeModel } from './testing/fake-model.ts'
import { hear } from './testing/heard.ts'
import { all, lies, maxAnswerBytes, said, type Varied } from './testing/lies.ts'
import { startTestApp, type TestApp } from './testing/test-app.ts'

/** What clients send. */
const asks = {
  'openai-chat': ['/v1/chat/completions', { messages: [{ role: 'user', content: 'Hi' }] }],
  'openai-responses': ['/v1/responses', { input: 'Hi', store: false }],
  'anthropic-messages': ['/v1/messages', { max_tokens: 64, messages: [{ role: 'user', content: 'Hi' }] }],
  'ollama-chat': ['/api/chat', { messages: [{ role: 'user', content: 'Hi' }] }],
} as const

for (const upstream of contractUpstreams) {
  describe(`an upstream of ${upstream.id} that lies`, () => {
    let model: FakeModel
    let inhouse: TestApp
    beforeAll(async () => {
      model = await FakeModel.start()
      const given = upstream.row(model.url)
      const row = `kind: ${upstream.backend}, place: local, ${given}${given.includes('ask:') ? '' : ', ask: same'}`
      inhouse = await startTestApp(`
server: { maxAnswerBytes: ${maxAnswerBytes} }
retries: { attempts: 1 }
health: { failuresToOpen: 1000 }
backends:
  one: { ${row} }
  hasty: { ${row}, timeouts: { firstEventMs: 1000, betweenEventsMs: 300 } }
models: { m: { backend: one }, hasty: { backend: hasty, model: m } }`)
    })
    afterAll(async () => {
      await inhouse[Symbol.asyncDispose]()
      await model[Symbol.asyncDispose]()
    })
    test.each(lies)('$about', async ({ tell, isSlow, text = all, ...ends }) => {
      const asked = isSlow === true ? 'hasty' : 'm'
      model.answer = (request) => {
        const good = upstream.aside?.(request)
        return good ?? tell(upstream.answer(said, request), request, upstream)
      }
      const calls = forms.flatMap((form) => Object.keys(asks).map((surface) => [surface, form] as const))
      const found = calls.map(async ([surface, form]) => {
        const [path, body] = asks[surface as keyof typeof asks]
        const response = await inhouse.post(path, { ...body, model: asked, stream: form === 'stream' })
        const heard = await hear(surface, response)
        const row = await settled(inhouse, response.headers.get('x-inhouse-request-id') ?? '')
        const code = heard.kind === 'error' ? (heard.code ?? row.failure) : 'done'
        return { surface, form, heard: code, ledger: row.failure ?? row.outcome }
      })
      expect(await Promise.all(found)).toEqual(
        calls.map(([surface, form]) => {
          const end = of(ends[form], upstream)
          return { surface, form, heard: end, ledger: end }
        }),
      )
      for (const [surface, form] of calls) {
        if (of(ends[form], upstream) !== 'done') continue
        const client = contractClients[surface]?.({ url: inhouse.app.url, key: inhouse.key, model: asked })
        const left = new AbortController().signal
        const heard = form === 'whole' ? client?.whole(hello) : client?.stream(hello, () => undefined, left)
        expect([surface, form, (await heard)?.text]).toEqual([
          surface,
          form,
          expect.stringMatching(of(text, upstream)),
        ])
      }
    })
  })
}

const forms = ['stream', 'whole'] as const
const hello = { turns: [{ by: 'user', text: 'Hi' }] } as const
const of = <T extends string | RegExp>(varied: Varied<T>, { id }: ContractUpstream): T =>
  typeof varied === 'string' || varied instanceof RegExp ? varied : (varied[id] ?? varied.others)

async function settled(inhouse: TestApp, id: string) {
  for (;;) {
    const row = await inhouse.app.ledger.find(id)
    if (row.outcome !== 'open') return row
    await Bun.sleep(2)
  }
}
