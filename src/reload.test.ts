import { expect, test } from 'bun:test'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { fakeAnswer } from './testing/fake-answers.ts'
import { FakeModel } from './testing/fake-model.ts'
import { serveProcess, type Served } from './testing/served.ts'

/**
 * SIGHUP to the program as a person runs it. The config's file stays as it is: what changes is a file that it names, so
 * that nothing but the signal can be what makes the program look.
 */
interface Running extends AsyncDisposable {
  readonly upstream: FakeModel
  readonly served: Served
  /** What `model: ${file:…}` of the config's one row becomes at the next look. */
  name(model: string): Promise<void>
}

async function running(): Promise<Running> {
  await using started = new AsyncDisposableStack()
  const home = await mkdtemp(join(tmpdir(), 'inhouse-reload-'))
  started.defer(() => rm(home, { recursive: true, force: true }))
  const name = (model: string): Promise<void> => writeFile(join(home, 'model'), model)
  await name('old')
  const upstream = started.use(await FakeModel.start())
  await writeFile(
    join(home, 'inhouse.yaml'),
    `backends: { one: { kind: openai-compatible, url: ${upstream.url}/v1, place: local, ask: same } }
models: { m: { backend: one, model: "\${file:model}" } }
`,
  )
  const command = ['node', join(import.meta.dir, '..', 'bin', 'inhouse.js')]
  const served = started.use(await serveProcess({ home, command }))
  const everything = started.move()
  return { upstream, served, name, [Symbol.asyncDispose]: () => everything.disposeAsync() }
}

const ask = ({ served }: Running, more: object = {}): Promise<Response> =>
  served.post('/v1/chat/completions', {
    model: 'm',
    messages: [{ role: 'user', content: 'hi' }],
    ...more,
  })

const askedModels = ({ upstream }: Running): unknown[] =>
  upstream.received.filter(({ method }) => method === 'POST').map((request) => request.json()['model'])

test('SIGHUP puts a new config in force while a stream is under way, and the stream ends whole', async () => {
  await using it = await running()
  const { promise: reloaded, resolve: goOn } = Promise.withResolvers<void>()
  it.upstream.answer = (request) => ({ ...fakeAnswer(request), until: reloaded })
  const stream = await ask(it, { stream: true })
  await it.name('new')
  it.served.process.kill('SIGHUP')
  await it.served.said('the new config is in force')
  it.upstream.answer = fakeAnswer
  expect((await ask(it)).status).toBe(200)
  goOn()
  const body = await stream.text()
  expect(body).toContain('"content":"Hello"')
  expect(body).toEndWith('data: [DONE]\n\n')
  expect(body).not.toContain('"error"')
  expect(askedModels(it)).toEqual(['old', 'new'])
})

test('SIGHUP with a broken config changes nothing, and the log says what is broken', async () => {
  await using it = await running()
  await it.name('')
  it.served.process.kill('SIGHUP')
  await it.served.said('the new config is refused; the old one stays')
  await it.served.said('models.m.model')
  expect((await ask(it)).status).toBe(200)
  expect(askedModels(it)).toEqual(['old'])
})
