import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdir, mkdtemp, rm, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'

import { startApp, type App } from './app.ts'
import { loadConfig } from './config/index.ts'
import type { LoadOptions } from './config/load.ts'
import { FakeModel } from './testing/fake-model.ts'
import { startTestApp } from './testing/test-app.ts'

interface Line {
  readonly message: string
  readonly [fact: string]: unknown
}

/** An inhouse that finds its config as `serve` does, with what it logs. */
interface Server extends AsyncDisposable {
  readonly app: App
  readonly cwd: string
  readonly home: string
  readonly log: { level?: string; readonly lines: readonly Line[] }
  /** Resolves with the next line that says this. */
  said(message: string): Promise<Line>
  models(): Promise<readonly string[]>
}

let model: FakeModel
beforeAll(async () => {
  model = await FakeModel.start()
})
afterAll(() => model[Symbol.asyncDispose]())

const isInForce = 'the new config is in force'
const isRefused = 'the new config is refused; the old one stays'

/** A config whose one model has this name. */
const config = (name: string, more = ''): string =>
  `backends: { one: { kind: openai-compatible, url: ${model.url}/v1, place: local } }
models: { ${name}: { backend: one } }
${more}`

async function serve(
  first: { here?: string; home?: string },
  more: Partial<LoadOptions> = {},
): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), 'inhouse-reload-'))
  const cwd = join(folder, 'here')
  const home = join(folder, 'home')
  await mkdir(cwd)
  await mkdir(home)
  if (first.here !== undefined) await writeFile(join(cwd, 'inhouse.yaml'), first.here)
  if (first.home !== undefined) await writeFile(join(home, 'inhouse.yaml'), first.home)
  const flags = { listen: '127.0.0.1:0' }
  const read = () => loadConfig({ env: {}, flags, home, cwd, here: true, ...more })
  const lines: Line[] = []
  const waiting = new Set<{ message: string; tell: (line: Line) => void }>()
  const write = (facts: object, message: string): void => {
    const line = { ...facts, message }
    lines.push(line)
    for (const waiter of waiting) {
      if (waiter.message !== message) continue
      waiting.delete(waiter)
      waiter.tell(line)
    }
  }
  const log = { level: 'info', lines, info: write, warn: write, error: write }
  const env = { PATH: '' }
  const app = await startApp({ loaded: read(), reread: read, log, onProgress: () => {}, env })
  const key = (await Bun.file(join(home, 'key')).text()).trim()
  return {
    app,
    cwd,
    home,
    log,
    said: (message) => new Promise((tell) => void waiting.add({ message, tell })),
    models: async () => {
      const headers = { authorization: `Bearer ${key}` }
      const list = (await (await fetch(`${app.url}/v1/models`, { headers })).json()) as {
        data: { id: string }[]
      }
      return list.data.map(({ id }) => id)
    },
    [Symbol.asyncDispose]: async () => {
      await app.stop()
      await rm(folder, { recursive: true })
    },
  }
}

describe('a config that is written while the server runs', () => {
  test('is in force where there was none, and when it is put in the place of the one in force', async () => {
    await using server = await serve({}, { flags: { listen: '127.0.0.1:0', offline: true } })
    const file = join(server.home, 'inhouse.yaml')
    let said = server.said(isInForce)
    await writeFile(file, config('made'))
    expect(await said).toMatchObject({ file })
    expect(await server.models()).toEqual(['made'])

    const before = join(server.cwd, 'inhouse.yaml')
    said = server.said(isInForce)
    await writeFile(before, config('nearer'))
    expect(await said).toMatchObject({ file: before })
    expect(await server.models()).toEqual(['nearer'])
  })

  test('is trusted no more than at a start: one that is only found there takes no secrets', async () => {
    await using server = await serve({ home: config('kept') })
    const secret = config('taken').replace('place: local', 'apiKey: "${HOME}"')
    await writeFile(join(server.cwd, 'inhouse.yaml'), secret)
    server.app.reload()
    expect(server.log.lines.at(-1)?.message).toBe(isRefused)
    expect(await server.models()).toEqual(['kept'])
  })

  test('and is then deleted leaves the old one in force, also where another would be found', async () => {
    await using server = await serve({ here: config('near'), home: config('far') })
    const file = join(server.cwd, 'inhouse.yaml')
    const said = server.said(isRefused)
    await unlink(file)
    expect((await said)['reason']).toContain(`${file} is gone`)
    expect(await server.models()).toEqual(['near'])
    await writeFile(file, config('again'))
    server.app.reload()
    expect(await server.models()).toEqual(['again'])
  })

  test('and asks of the engine what it does not take is refused', async () => {
    await using inhouse = await startTestApp(
      'models: { small: { backend: here, source: "file:/nope.gguf" } }',
    )
    const before = inhouse.app.config()
    const file = join(inhouse.home, 'inhouse.yaml')
    await Bun.write(
      file,
      'listen: 127.0.0.1:0\nmodels: { small: { backend: here, source: "file:/nope.gguf", extraArgs: ["--x"] } }',
    )
    inhouse.app.reload()
    while (!inhouse.log.some((line) => line.includes('is refused; the old one stays'))) await Bun.sleep(5)
    expect(inhouse.app.config()).toBe(before)
  })

  test('and is empty, as on a full disk, is refused', async () => {
    await using server = await serve({ home: config('kept') })
    await writeFile(join(server.home, 'inhouse.yaml'), ' \n')
    server.app.reload()
    expect(server.log.lines.at(-1)).toMatchObject({ message: isRefused })
    expect(await server.models()).toEqual(['kept'])
  })
})

describe('a new config without a restart', () => {
  const put = async (server: Server, more: string): Promise<void> => {
    await writeFile(join(server.home, 'inhouse.yaml'), config('m', more))
    server.app.reload()
  }

  test('lets web pages call, and takes that back', async () => {
    await using server = await serve({ home: config('m') })
    const allowed = async (origin: string): Promise<string | null> => {
      const preflight = { origin, 'access-control-request-method': 'POST' }
      const asked = { method: 'OPTIONS', headers: preflight }
      const answer = await fetch(`${server.app.url}/v1/chat/completions`, asked)
      return answer.headers.get('access-control-allow-origin')
    }
    const page = 'https://chat.example.org'
    expect(await allowed(page)).toBeNull()
    await put(server, `server: { cors: { origins: ["${page}"] } }`)
    expect(await allowed(page)).toBe(page)
    expect(await allowed('https://other.example.org')).toBeNull()
    await put(server, 'server: { cors: { origins: ["*"] } }')
    expect(await allowed('https://other.example.org')).toBe('https://other.example.org')
    await put(server, '')
    expect(await allowed(page)).toBeNull()
  })

  test('changes how much is logged', async () => {
    await using server = await serve({ home: config('m') })
    await put(server, 'log: { level: error }')
    expect(server.log.level).toBe('error')
    await put(server, 'log: { level: nonsense }')
    expect(server.log.level).toBe('error')
  })

  test('changes how soon a backend rests, and how often one that rests is looked at', async () => {
    await using broken = await FakeModel.start(() => ({ status: 500, chunks: ['{}'] }))
    const health = (failuresToOpen: number, probeMs: number): string =>
      config(
        'm',
        `health: { failuresToOpen: ${failuresToOpen}, openMs: 60000, probeMs: ${probeMs} }
retries: { attempts: 1 }`,
      ).replace(model.url, broken.url)
    await using server = await serve({ home: health(1000, 0) })
    const key = (await Bun.file(join(server.home, 'key')).text()).trim()
    const call = () =>
      fetch(`${server.app.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}` },
        body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hi' }] }),
      })
    expect((await call()).status).toBe(502)
    await writeFile(join(server.home, 'inhouse.yaml'), health(2, 0))
    server.app.reload()
    expect((await call()).status).toBe(502)
    expect((await call()).status).toBe(503)
    const probe = broken.request(broken.received.length)
    await writeFile(join(server.home, 'inhouse.yaml'), health(2, 5))
    server.app.reload()
    expect((await probe).path).toBe('/v1/models')
  })

  test('counts a call that is under way in a limit that is new', async () => {
    await using slow = await FakeModel.start(() => ({ instead: 'silence' }))
    const limited = (limits: string): string => config('m', limits).replace(model.url, slow.url)
    await using server = await serve({ home: limited('') })
    const key = (await Bun.file(join(server.home, 'key')).text()).trim()
    const leave = new AbortController()
    const call = () =>
      fetch(`${server.app.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}` },
        body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hi' }] }),
        signal: leave.signal,
      })
    const first = call().catch(() => undefined)
    await slow.request(0)
    await writeFile(join(server.home, 'inhouse.yaml'), limited('limits: { keys: { concurrency: 1 } }'))
    server.app.reload()
    expect((await call()).status).toBe(429)
    leave.abort()
    await first
  })

  test('names what needs a restart each time, until it is as at the start again', async () => {
    await using server = await serve({ home: config('m') })
    const named = (): unknown =>
      server.log.lines.findLast(({ message }) => message.includes('next start'))?.['changed']
    const count = (): number =>
      server.log.lines.filter(({ message }) => message.includes('next start')).length
    await put(
      server,
      'ledger: { retentionDays: 7 }\nserver: { cors: { origins: ["*"] } }\nlog: { level: warn }',
    )
    expect(named()).toEqual(['ledger'])
    await put(server, 'ledger: { retentionDays: 7 }')
    expect(count()).toBe(2)
    await put(server, '')
    expect(count()).toBe(2)
  })
})

test('whatever is written and deleted in whatever order, the last good config is in force', async () => {
  await using server = await serve({ home: config('first') })
  const file = join(server.home, 'inhouse.yaml')
  const names = fc.constantFrom('a', 'b', 'c', 'd')
  const good = fc.tuple(names, fc.constantFrom('', '# more\n', 'offline: true', 'log: { level: warn }'))
  const broken = fc.constantFrom(
    '',
    '\n',
    'models: [',
    'models: { x: { backend: nowhere } }',
    'unknown: 1',
    '- list',
    'listen: 1\nlisten: 2',
    'models: { x: { backend: one } }\nbackends: { one: { kind: openai-compatible } }',
    'backends: { one: { kind: openai-compatible, url: "${NOT_SET}" } }',
    '\u0000',
  )
  const step = fc.oneof(
    good.map(([name, more]) => ({ name, text: config(name, more) })),
    broken.map((text) => ({ name: undefined, text })),
    good.map(([name, more]) => ({ name: undefined, text: config(name, more).slice(0, -more.length - 6) })),
    fc.constant({ name: undefined, text: undefined }),
  )
  let inForce = 'first'
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (steps) => {
      for (const { name, text } of steps) {
        if (text === undefined) await rm(file, { force: true })
        else await writeFile(file, text)
        server.app.reload()
        inForce = name ?? inForce
        expect(Object.keys(server.app.config().models)).toEqual([inForce])
        expect(server.log.lines.at(-1)?.message).toBe(name === undefined ? isRefused : isInForce)
      }
      expect(await server.models()).toEqual([inForce])
    }),
    // Each run writes files and reloads: more of them show nothing new.
    { numRuns: Math.min(1_000, Number(process.env['PROPERTY_RUNS'] ?? 1_000)) },
  )
}, 120_000)
