import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { FakeModel } from './testing/fake-model.ts'
import { startTestApp, type TestApp } from './testing/test-app.ts'

/** What a browser is told that has loaded a page from elsewhere. */
const page = 'https://app.example'
const chat = { model: 'm', messages: [{ role: 'user', content: 'hi' }] }

let model: FakeModel

beforeAll(async () => {
  model = await FakeModel.start()
})

afterAll(() => model[Symbol.asyncDispose]())

const started = (more: string): Promise<TestApp> =>
  startTestApp(`backends: { one: { kind: openai-compatible, url: ${model.url}/v1, place: local } }
models: { m: { backend: one } }
${more}`)

const preflight = ({ app }: TestApp, origin: string): Promise<Response> =>
  fetch(`${app.url}/v1/chat/completions`, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type',
    },
  })

/** Every header by which a server lets a page in. */
const allowed = ({ headers }: Response): string[] =>
  [...headers.keys()].filter((name) => name.startsWith('access-control-'))

/** One answer of each kind: whole, streamed, refused for its body and for its key. */
async function answers(inhouse: TestApp, origin: string): Promise<Response[]> {
  const post = (body: unknown, more: Record<string, string> = {}) =>
    inhouse.post('/v1/chat/completions', body, { headers: { origin, ...more } })
  const all = [
    await post(chat),
    await post({ ...chat, stream: true }),
    await post('{'),
    await post(chat, { authorization: 'Bearer ih-wrong' }),
  ]
  for (const response of all) await response.text()
  expect(all.map(({ status }) => status)).toEqual([200, 200, 400, 401])
  return all
}

test('a page from elsewhere is let in by nothing, unless the config says so', async () => {
  await using inhouse = await started('')
  for (const response of await answers(inhouse, page)) expect(allowed(response)).toEqual([])
  const refused = await preflight(inhouse, page)
  expect(refused.status).toBe(405)
  expect(allowed(refused)).toEqual([])
})

describe('with an origin in the config', () => {
  let inhouse: TestApp
  beforeAll(async () => {
    inhouse = await started(`server: { cors: { origins: ["${page}"] } }`)
  })
  afterAll(() => inhouse[Symbol.asyncDispose]())

  test('its preflight is answered with the method and the headers that a call needs', async () => {
    const { status, headers } = await preflight(inhouse, page)
    expect(status).toBe(204)
    expect(headers.get('access-control-allow-origin')).toBe(page)
    expect(headers.get('access-control-allow-methods')).toContain('POST')
    expect(headers.get('access-control-allow-headers')?.toLowerCase()).toMatch(/authorization.*content-type/)
  })

  test('its pages may read answers, streams and errors, with every header of ours', async () => {
    for (const { headers } of await answers(inhouse, page)) {
      expect(headers.get('access-control-allow-origin')).toBe(page)
      const exposed = headers.get('access-control-expose-headers')?.split(',') ?? []
      const ours = [...headers.keys()].filter((name) => name.startsWith('x-inhouse-'))
      expect(ours).toContain('x-inhouse-request-id')
      expect(ours.filter((name) => !exposed.includes(name))).toEqual([])
    }
  })

  test('another origin is still not let in, and no answer names it', async () => {
    const foreign = 'https://evil.example'
    for (const response of [await preflight(inhouse, foreign), ...(await answers(inhouse, foreign))]) {
      expect(response.headers.get('access-control-allow-origin')).toBeNull()
    }
  })
})
