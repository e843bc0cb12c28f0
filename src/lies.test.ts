import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { gzipSync } from 'node:zlib'

import type { FailureCode } from './core/failure.ts'
import type { Said } from './testing/contract/cases.ts'
import { contractUpstreams } from './testing/contract/index.ts'
import type { ContractUpstream } from './testing/contract/upstream.ts'
import { FakeModel, type Received, type Script } from './testing/fake-model.ts'
import { hear } from './testing/heard.ts'
import { startTestApp, type TestApp } from './testing/test-app.ts'

const said: Said = {
  pieces: [{ text: 'Hello' }, { text: ' there' }, { text: '.' }],
  finish: 'stop',
  usage: { input: 7, cached: 0, output: 3 },
}
const maxAnswerBytes = 1_000_000
const patienceMs = 400

/** How a call ends: answered all the same, or with this code in the client's dialect and in the ledger. */
type End = FailureCode | 'done'

interface Lie {
  /** An upstream … */
  readonly about: string
  /** What a good one would say, made a lie. */
  readonly tell: (good: Script, request: Received, upstream: ContractUpstream) => Script
  /** Asked for a stream, asked for the whole. */
  readonly stream: End
  readonly whole: End
}

const lies: readonly Lie[] = [
  {
    about: 'says that its stream is whole, or its whole answer a stream',
    tell: (good) => ({ ...good, headers: { 'content-type': isStream(good) ? 'application/json' : 'text/event-stream' } }),
    stream: 'upstream_invalid',
    whole: 'upstream_invalid',
  },
  {
    about: 'says that it sends a page',
    tell: (good) => ({ ...good, headers: { 'content-type': 'text/html' } }),
    stream: 'upstream_invalid',
    whole: 'done',
  },
  {
    about: 'breaks off in the middle of its JSON, and ends well',
    tell: (good) => each(good, (text, at) => (at === 0 ? text : text.replace(/.{12}(?=\s*$)/, ''))),
    stream: 'upstream_invalid',
    whole: 'upstream_invalid',
  },
  {
    about: 'finishes twice',
    tell: (good) => ({ ...good, chunks: chunksOf(good).flatMap((chunk) => (isFinish(chunk) && isStream(good) ? [chunk, chunk] : [chunk])) }),
    stream: 'done',
    whole: 'done',
  },
  {
    about: 'goes on after its end',
    tell: (good) => ({ ...good, chunks: isStream(good) ? [...chunksOf(good), ...chunksOf(good)] : [`${chunksOf(good)[0]}${chunksOf(good)[0]}`] }),
    stream: 'done',
    whole: 'upstream_invalid',
  },
  {
    about: 'sends a line of 10 MB',
    tell: (good) => each(good, (text) => text.replace('Hello', 'Hello'.repeat(2_000_000))),
    stream: 'upstream_invalid',
    whole: 'upstream_too_large',
  },
  {
    about: 'never answers',
    tell: () => ({ instead: 'silence' }),
    stream: 'first_event_timeout',
    whole: 'first_event_timeout',
  },
  {
    about: 'falls silent after its head, or in the middle of its stream',
    tell: (good) => ({ ...good, chunks: isStream(good) ? chunksOf(good).slice(0, 4) : chunksOf(good), until: new Promise(() => undefined) }),
    stream: 'stalled',
    whole: 'first_event_timeout',
  },
  {
    about: 'packs its answer with gzip, unasked',
    tell: (good) => packed(good, gzipSync(bytesOf(good))),
    stream: 'done',
    whole: 'done',
  },
  {
    about: 'says gzip and sends none',
    tell: (good) => packed(good, bytesOf(good)),
    stream: 'upstream_invalid',
    whole: 'upstream_invalid',
  },
  {
    about: 'sends half of its gzip',
    tell: (good) => packed(good, gzipSync(bytesOf(good)).subarray(0, -20)),
    stream: 'upstream_invalid',
    whole: 'upstream_invalid',
  },
  {
    about: 'speaks HTTP/1.0, and ends by closing',
    tell: (good) => ({ raw: old(good, bytesOf(good)) }),
    stream: 'done',
    whole: 'done',
  },
  {
    about: 'speaks HTTP/1.0, and closes too early',
    tell: (good) => ({ raw: old(good, bytesOf(good).subarray(0, -40)) }),
    stream: 'upstream_cut',
    whole: 'upstream_invalid',
  },
  {
    about: 'sends its callers elsewhere',
    tell: (_, { path }) => ({ status: 307, headers: { location: path }, chunks: [''] }),
    stream: 'upstream_invalid',
    whole: 'upstream_invalid',
  },
  {
    about: 'sends nothing, and says that this is all',
    tell: (good) => ({ ...good, headers: typeOf(good), chunks: [''] }),
    stream: 'upstream_cut',
    whole: 'upstream_invalid',
  },
  {
    about: 'sends a page for an answer',
    tell: () => ({ headers: { 'content-type': 'text/html' }, chunks: ['<html><body>Welcome</body></html>'] }),
    stream: 'upstream_invalid',
    whole: 'upstream_invalid',
  },
  {
    about: 'sends a page for its error',
    tell: () => ({ status: 502, headers: { 'content-type': 'text/html' }, chunks: ['<html><body>Bad gateway</body></html>'] }),
    stream: 'upstream_failed',
    whole: 'upstream_failed',
  },
  {
    about: 'speaks of something else',
    tell: (good) => each(good, (text) => text.replace(/\{.*\}/s, '{"weather":"sunny"}')),
    stream: 'upstream_invalid',
    whole: 'upstream_invalid',
  },
  {
    about: 'sends a stream for the whole, and the whole for a stream',
    tell: (_, request, upstream) => upstream.answer(said, theOther(request)),
    stream: 'done',
    whole: 'done',
  },
  {
    about: 'sends bytes that are no UTF-8',
    tell: (good) => ({ ...good, headers: typeOf(good), chunks: chunksOf(good).map((chunk) => Buffer.from(chunk.replace('Hello', 'He\u00ff'), 'latin1')) }),
    stream: 'done',
    whole: 'done',
  },
  {
    about: 'streams without end, asked for the whole',
    tell: (_, request, upstream) => {
      const stream = upstream.answer(said, request)
      const [first = '', second = '', third = '', ...rest] = chunksOf(stream)
      return { ...stream, chunks: [first, second, third.repeat(20_000), ...rest] }
    },
    stream: 'done',
    whole: 'upstream_too_large',
  },
  {
    about: 'closes before it has sent what it said',
    tell: (good) => ({ ...good, cutAfter: Math.floor(bytesOf(good).length / 2) }),
    stream: 'upstream_cut',
    whole: 'upstream_cut',
  },
]

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
      const row = upstream.row(model.url)
      inhouse = await startTestApp(`
server: { maxAnswerBytes: ${maxAnswerBytes} }
timeouts: { firstEventMs: ${patienceMs}, betweenEventsMs: ${patienceMs} }
retries: { attempts: 1 }
health: { failuresToOpen: 1000 }
backends: { one: { kind: ${upstream.backend}, place: local, ${row}${row.includes('ask:') ? '' : ', ask: same'} } }
models: { m: { backend: one } }`)
    })
    afterAll(async () => {
      await inhouse[Symbol.asyncDispose]()
      await model[Symbol.asyncDispose]()
    })
    test.each(lies)('$about', async ({ tell, ...ends }) => {
      model.answer = (request) => {
        const good = upstream.aside?.(request) 
        return good ?? tell(upstream.answer(said, request), request, upstream)
      }
      const found: unknown[] = []
      const expected: unknown[] = []
      for (const form of ['stream', 'whole'] as const) {
        for (const surface of Object.keys(asks) as (keyof typeof asks)[]) {
          const [path, body] = asks[surface]
          const response = await inhouse.post(path, { ...body, model: 'm', stream: form === 'stream' })
          const heard = await hear(surface, response).catch((thrown: unknown) => ({ kind: String(thrown).slice(0, 300) }))
          const id = response.headers.get('x-inhouse-request-id') ?? ''
          const row = await settled(inhouse, id)
          const code = 'code' in heard ? heard.code : undefined
          found.push([surface, form, heard.kind, code ?? row.failure, row.failure ?? row.outcome])
          const end = ends[form]
          expected.push([surface, form, end === 'done' ? 'answer' : 'error', end === 'done' ? undefined : end, end])
        }
      }
      expect(found).toEqual(expected)
    })
  })
}

const isStream = ({ chunks = [] }: Script): boolean => chunks.length > 1
const chunksOf = ({ chunks = [] }: Script): string[] => chunks.map(String)
const bytesOf = (script: Script): Buffer => Buffer.from(chunksOf(script).join(''))
const typeOf = (script: Script): Record<string, string> => ({
  'content-type': isStream(script) ? 'text/event-stream' : 'application/json',
  ...script.headers,
})
const each = (script: Script, change: (text: string, at: number) => string): Script => ({
  ...script,
  chunks: chunksOf(script).map((chunk, at) => change(chunk, isStream(script) ? at : 1)),
})
const isFinish = (chunk: string): boolean =>
  /"finish_reason":"stop"|"message_delta"|"response.completed"|"done":true|"finishReason"/.test(chunk)
const packed = (good: Script, bytes: Buffer): Script => ({
  chunks: isStream(good) ? [bytes.subarray(0, 20), bytes.subarray(20)] : [bytes],
  headers: { ...typeOf(good), 'content-encoding': 'gzip' },
})
const old = (good: Script, body: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`HTTP/1.0 200 OK\r\ncontent-type: ${typeOf(good)['content-type']}\r\n\r\n`), body])

/** The same request, for a stream where it was for the whole. */
function theOther(request: Received): Received {
  const body = request.json()
  const isGemini = request.path.includes(':')
  return {
    ...request,
    path: !isGemini
      ? request.path
      : request.path.includes(':stream')
        ? request.path.replace(/:.*/, ':generateContent')
        : request.path.replace(/:.*/, ':streamGenerateContent?alt=sse'),
    json: () => ({ ...body, stream: body['stream'] !== true }),
  }
}

async function settled(inhouse: TestApp, id: string) {
  for (;;) {
    const row = await inhouse.app.ledger.find(id)
    if (row.outcome !== 'open') return row
    await Bun.sleep(2)
  }
}
