import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Entry } from './account/ledger/entry.ts'
import { beatMs } from './account/ledger/instance.ts'
import { openLedger } from './account/ledger/ledger.ts'
import { ledgerReader } from './account/ledger/reader.ts'
import { storePath } from './app/setup.ts'
import { clock, withStore } from './cli/home-store.ts'
import { fakeAnswer } from './testing/fake-answers.ts'
import { FakeModel, type Received } from './testing/fake-model.ts'
import { handClock } from './testing/ledger-rows.ts'
import { serveProcess, type Served } from './testing/served.ts'

const rounds = Number(process.env['KILL_RUNS'] ?? 12)

/** Where the process is killed, as seen from outside: what the upstream has seen tells how far a call has come. */
const killPoints = [
  'at once',
  'when the upstream is asked',
  'in the middle of a stream',
  'when the first answer ends',
  'while answers are settled',
  'under load',
] as const

let home = ''
let upstream: FakeModel

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'inhouse-kill-'))
  upstream = await FakeModel.start()
  await Bun.write(
    join(home, 'inhouse.yaml'),
    `backends: { one: { kind: openai-compatible, url: ${upstream.url}/v1, place: local, ask: same, concurrency: 64 } }\nmodels: { m: { backend: one } }\nlog: { level: silent }\n`,
  )
})

afterEach(async () => {
  await upstream[Symbol.asyncDispose]()
  await rm(home, { recursive: true, force: true })
})

/**
 * The answer, as far as it came. The call's name stands in its prompt, for the upstream's log, and as a tag, for the
 * ledger.
 */
const ask = (served: Served, call: string): Promise<string> =>
  served
    .post(
      '/v1/chat/completions',
      { model: 'm', stream: true, messages: [{ role: 'user', content: call }] },
      { 'x-inhouse-tags': call },
    )
    .then((response) => response.text())
    .catch(() => '')

/** The others ask what its models are. */
const calls = (): readonly Received[] => upstream.received.filter(({ method }) => method === 'POST')

/** Resolves when so many calls have reached the upstream. */
async function reached(count: number): Promise<void> {
  while (calls().length < count) await upstream.request(upstream.received.length)
}

const callOf = (request: Received): string =>
  /call-\d+/.exec(new TextDecoder().decode(request.body))?.[0] ?? ''

/**
 * What the ledger has of each call when the dead process's lease is over. Fails unless each call that reached the
 * upstream has exactly one row.
 */
async function outcomes(): Promise<ReadonlyMap<string, Entry['outcome']>> {
  const later = handClock(clock.now() + 3_600_000)
  const rows: Entry[] = []
  const total = await withStore(home, async (store) => {
    const ledger = await openLedger({ store, clock: later, instance: 'the-one-that-looks' })
    later.at += beatMs
    await ledger.sweep()
    for (let before: string | undefined; ; before = rows.at(-1)?.id) {
      const page = await ledger.recent({ limit: 1000, ...(before !== undefined && { before }) })
      if (page.length === 0) break
      rows.push(...page)
    }
    const usage = await ledger.usage({ by: [] })
    await ledger.close()
    return usage.total
  })
  const byCall = new Map(rows.map(({ tags: [call = ''], outcome }) => [call, outcome]))
  expect(byCall.size).toBe(rows.length)
  expect(total).toMatchObject({ requests: rows.length, inFlight: 0 })
  expect(
    calls()
      .map(callOf)
      .filter((call) => !byCall.has(call)),
  ).toEqual([])
  return byCall
}

test('however often and wherever the process is killed, every call that reached the upstream has exactly one row', async () => {
  upstream.answer = (request) => ({ ...fakeAnswer(request), delayMs: 3 })
  let asking = 0
  for (let round = 0; round < rounds; round++) {
    const point = killPoints[round % killPoints.length]
    const served = await serveProcess({ home })
    const seen = calls().length
    const count = point === 'under load' ? 60 : 3
    const asked = Array.from({ length: count }, () => ask(served, `call-${asking++}`))
    if (point === 'when the upstream is asked') await reached(seen + 1)
    else if (point === 'in the middle of a stream') await reached(seen + 2).then(() => Bun.sleep(5))
    else if (point === 'when the first answer ends') await Promise.race(asked)
    else {
      if (point === 'while answers are settled') await Promise.all(asked)
      await Bun.sleep(Math.random() * 30)
    }
    served.process.kill('SIGKILL')
    await served.process.exited
    await Promise.all(asked)
  }
  expect(calls().length).toBeGreaterThan(rounds)
  expect([...(await outcomes()).values()]).toContain('lost')
}, 600_000)

test('a second SIGTERM cuts the calls under way, and they are settled with what they had', async () => {
  const file = join(home, 'inhouse.yaml')
  await Bun.write(file, `${await Bun.file(file).text()}server: { drainMs: 3600000 }\n`)
  const stop = Promise.withResolvers<void>()
  upstream.answer = (request) => ({ ...fakeAnswer(request), until: stop.promise })
  await using served = await serveProcess({ home })
  const { body } = await served.post('/v1/chat/completions', {
    model: 'm',
    stream: true,
    messages: [{ role: 'user', content: 'hi' }],
  })
  const reader = body?.getReader()
  await reader?.read()
  served.process.kill('SIGTERM')
  await served.said('Stopping')
  // Twice at once is one wish: a terminal and a launcher both hand it on.
  await Bun.sleep(600)
  served.process.kill('SIGTERM')
  expect(await served.process.exited).toBe(0)
  stop.resolve()
  await reader?.cancel().catch(() => {})
  const [entry] = await withStore(home, (store) => ledgerReader(store, clock).recent({ limit: 1 }))
  expect(entry).toMatchObject({ outcome: 'failed', failure: 'draining' })
  expect(entry?.usage.output?.tokens).toBeGreaterThan(0)
}, 60_000)

const canTrace =
  Bun.which('strace') !== null &&
  process.getuid?.() === 0 &&
  Bun.spawnSync(['strace', '-o', '/dev/null', 'true']).success

/**
 * Kills the process when it is about to write to the store's log for the `count`th time from now. Resolves when it lies
 * in wait.
 */
async function killAtWrite({ process: { pid } }: Served, count: number): Promise<void> {
  const at = ['-P', `${storePath(home)}-wal`, '-e', `inject=pwrite64:signal=SIGKILL:when=${count}`]
  const tracer = Bun.spawn(['strace', '-f', '-o', '/dev/null', ...at, '-p', String(pid)], { stderr: 'pipe' })
  const words = tracer.stderr.getReader()
  for (let text = ''; !text.includes('attached');) {
    const { value, done } = await words.read()
    if (done) throw new Error(`strace could not attach: ${text}`)
    text += new TextDecoder().decode(value)
  }
}

test.skipIf(!canTrace)(
  'killed at each single write of its hold, its settlement and the server’s end, a call that was answered has exactly one row (needs root and strace)',
  async () => {
    const answered: string[] = []
    for (let count = 1, code: number | null = null; code !== 0; count++) {
      const served = await serveProcess({ home })
      await killAtWrite(served, count)
      const call = `call-${count}`
      if ((await ask(served, call)).endsWith('[DONE]\n\n')) answered.push(call)
      served.process.kill('SIGTERM')
      await served.process.exited
      code = served.process.exitCode
    }
    const rows = await outcomes()
    const seen = answered.map((call) => rows.get(call))
    // The first were killed in the middle of their settlement, the last after it.
    expect(seen[0]).toBe('lost')
    expect(seen.at(-1)).toBe('done')
    expect(seen.filter((outcome) => outcome === undefined)).toEqual([])
  },
  600_000,
)
