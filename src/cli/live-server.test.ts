import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'bun:test'

import { FakeModel } from '../testing/fake-model.ts'
import { serveProcess } from '../testing/served.ts'
import { Testbed } from '../testing/testbed.ts'
import { freePort } from '../testing/test-app.ts'

const bed = new Testbed()
let upstream: FakeModel
/** An address of the config at which nobody listens. */
let elsewhere = ''
/** For the commands: the config of the home, which has another address than the server. */
const env = { INHOUSE_LISTEN: '' }

beforeAll(async () => {
  upstream = await FakeModel.start()
  elsewhere = `127.0.0.1:${freePort()}`
  env.INHOUSE_LISTEN = elsewhere
  put('inhouse.yaml')
})
afterAll(async () => {
  await upstream[Symbol.asyncDispose]()
  bed[Symbol.dispose]()
})

const put = (name: string): string => {
  const file = join(bed.home, name)
  const yaml = [
    `backends: { one: { kind: openai-compatible, url: "${upstream.url}/v1", place: local, apiKey: "\${UPSTREAM_KEY}" } }`,
    'models: { remote: { backend: one } }',
  ]
  writeFileSync(file, yaml.join('\n'))
  return file
}
const record = join(bed.home, 'serving.json')
const serve = () =>
  serveProcess({ home: bed.home, env: { ...process.env, UPSTREAM_KEY: 'k', INHOUSE_CONFIG: undefined } })

interface Findings {
  readonly checks: readonly { readonly what: string; readonly found: string }[]
}

test('chat, bench and doctor find the server of their home wherever it listens, and need no secret of the config for it', async () => {
  await using served = await serve()
  expect(served.url).not.toContain(elsewhere)
  expect(statSync(record).mode & 0o777).toBe(0o600)
  const chat = await bed.run(['chat', 'hi'], env)
  expect(chat).toEqual({ code: 0, out: 'Hello there.\n', err: '' })
  const bench = await bed.run(['bench', '--streams', '1', '--requests', '1', '--json'], env)
  expect(JSON.parse(bench.out)).toMatchObject({ url: served.url, model: 'remote' })
  const { out } = await bed.run(['doctor', '--json'], { ...env, UPSTREAM_KEY: 'k' })
  const address = (JSON.parse(out) as Findings).checks.find(({ what }) => what === 'address')
  expect(address?.found).toBe(`inhouse already serves at ${served.url}`)
})

test('a key that the running server does not know is told, and no second server started', async () => {
  await using served = await serve()
  const chat = await bed.run(['chat', 'hi'], { ...env, INHOUSE_KEY: 'ih-wrong' })
  expect(chat.out).toBe('')
  expect(chat.err).toContain(`The server at ${served.url} does not know the key in INHOUSE_KEY.`)
  expect(chat.code).toBe(1)
})

test('a server that ends takes its record back; that of a killed one is passed over', async () => {
  const first = await serve()
  await first[Symbol.asyncDispose]()
  expect(existsSync(record)).toBe(false)
  const second = await serve()
  second.process.kill('SIGKILL')
  await second.process.exited
  expect(existsSync(record)).toBe(true)
  expect((await bed.run(['bench'], env)).err).toContain(`Nobody answers at http://${elsewhere}`)
  const own = await bed.run(['chat', 'hi'], { ...env, UPSTREAM_KEY: 'k' })
  expect({ code: own.code, out: own.out }).toEqual({ code: 0, out: 'Hello there.\n' })
  expect(own.err).toContain('No server runs; starting the models of the config for this chat')
  expect(existsSync(join(bed.home, 'engines'))).toBe(false)
})

test.each(['its port', 'its port and its pid', 'the address of the config'])(
  'what took %s of a server that is gone gets neither the key nor a prompt',
  async (taken) => {
    // The home has its key from it.
    await (await serve())[Symbol.asyncDispose]()
    const got: (string | null)[] = []
    using squatter = Bun.serve({
      hostname: '127.0.0.1',
      port: taken === 'the address of the config' ? Number(elsewhere.split(':')[1]) : 0,
      fetch: (request) => {
        const { pathname } = new URL(request.url)
        if (pathname !== '/health') got.push(request.headers.get('authorization'))
        return Response.json({ status: 'ok', version: '1', proof: 'a'.repeat(64), data: [] })
      },
    })
    const gone = Bun.spawn(['true'])
    await gone.exited
    const pid = taken === 'its port and its pid' ? process.pid : gone.pid
    if (squatter.port !== Number(elsewhere.split(':')[1]))
      writeFileSync(record, JSON.stringify({ pid, url: `http://127.0.0.1:${squatter.port}` }))
    expect((await bed.run(['bench'], env)).err).toContain(`Nobody answers at http://${elsewhere}`)
    expect((await bed.run(['chat', 'hi'], { ...env, UPSTREAM_KEY: 'k' })).out).toBe('Hello there.\n')
    expect(got).toEqual([])
  },
)

test('the record of a server that was started later is left to it', async () => {
  const first = await serve()
  await using second = await serve()
  await first[Symbol.asyncDispose]()
  expect(await Bun.file(record).json()).toEqual({ pid: second.process.pid, url: second.url })
})

test.each([
  ['chat', ['chat', 'hi'], 2],
  ['models list', ['models', 'list', '--json'], 0],
  ['engines list', ['engines', 'list', '--json'], 1],
  ['completion', ['completion', 'models'], 0],
])('`%s` asks for a secret of the config only where it sends it', async (_, args, code) => {
  const folder = join(bed.home, 'other')
  mkdirSync(folder, { recursive: true })
  const ran = await bed.run([...args, '--config', put('secret.yaml'), '--home', folder], {
    ...env,
    PATH: join(Bun.which('node') ?? '', '..'),
  })
  expect([ran.code, ran.err.includes('UPSTREAM_KEY')]).toEqual([code, code === 2])
})
