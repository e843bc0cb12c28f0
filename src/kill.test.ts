import { expect, test } from 'bun:test'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { openLedger } from './account/ledger/ledger.ts'
import { ledgerTables } from './account/ledger/schema.ts'
import { storePath } from './app/setup.ts'
import { keyTables } from './protect/guard/key-table.ts'
import { openStore } from './store/open.ts'
import { fakeAnswer } from './testing/fake-answers.ts'
import { FakeModel, type Received } from './testing/fake-model.ts'

const rounds = Number(process.env['KILL_RUNS'] ?? 10)

/** Where the process is killed, as seen from outside: what the upstream has seen tells how far a call has come. */
const killPoints = [
  'at once',
  'when the upstream is asked',
  'in the middle of a stream',
  'when the answer ends',
  'under load',
] as const

interface Server {
  readonly process: Bun.Subprocess
  readonly url: string
}

async function serve(home: string, config: string): Promise<Server> {
  const process = Bun.spawn(
    [
      globalThis.process.execPath,
      `${import.meta.dir}/main.ts`,
      'serve',
      '--json',
      '--home',
      home,
      '--config',
      config,
    ],
    { stdout: 'pipe', stderr: 'pipe' },
  )
  const line = await firstLine(process)
  const { url } = JSON.parse(line) as { url: string }
  return { process, url }
}

async function firstLine({ stdout, stderr }: Bun.Subprocess<'ignore', 'pipe', 'pipe'>): Promise<string> {
  let text = ''
  for await (const bytes of stdout) {
    text += new TextDecoder().decode(bytes)
    if (text.trim().endsWith('}')) return text
  }
  throw new Error(`The server ended before it was ready: ${text}${await new Response(stderr).text()}`)
}

/** The number that a call carries in its prompt, for the upstream's log, and as a tag, for the ledger. */
const numberOf = (request: Received): string =>
  /call-\d+/.exec(new TextDecoder().decode(request.body))?.[0] ?? ''

test('however often and wherever the process is killed, every call that reached the upstream has exactly one row', async () => {
  const home = await mkdtemp(join(tmpdir(), 'inhouse-kill-'))
  await using upstream = await FakeModel.start()
  const config = join(home, 'inhouse.yaml')
  await Bun.write(
    config,
    `listen: 127.0.0.1:0\nbackends: { one: { kind: openai-compatible, url: ${upstream.url}/v1, place: local, ask: same, concurrency: 64 } }\nmodels: { m: { backend: one } }\nlog: { level: silent }\n`,
  )
  let calls = 0
  for (let round = 0; round < rounds; round++) {
    const point = killPoints[round % killPoints.length]
    upstream.answer = (request) => ({ ...fakeAnswer(request), delayMs: 3 })
    const { process, url } = await serve(home, config)
    const key = (await readFile(join(home, 'key'), 'utf8')).trim()
    const ask = (): Promise<unknown> => {
      const call = `call-${calls++}`
      return fetch(`${url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'x-inhouse-tags': call },
        body: JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: call }] }),
      }).then((response) => response.text())
    }
    const seen = upstream.received.length
    const asked = Array.from({ length: point === 'under load' ? 60 : 3 }, () => ask().catch(() => undefined))
    if (point === 'when the upstream is asked') await upstream.request(seen)
    else if (point === 'in the middle of a stream') await upstream.request(seen + 1).then(() => Bun.sleep(5))
    else if (point === 'when the answer ends') await Promise.race(asked)
    else await Bun.sleep(Math.random() * 30)
    process.kill('SIGKILL')
    await process.exited
    await Promise.all(asked)
  }

  const later = { now: () => Date.now() + 3_600_000, tick: () => performance.now() }
  const store = await openStore(storePath(home), { migrations: [ledgerTables, keyTables] })
  const ledger = await openLedger({ store, clock: later, instance: 'the-one-that-looks' })
  const rows: { tag: string; outcome: string }[] = []
  for (let before: string | undefined; ;) {
    const page = await ledger.recent({ limit: 1000, ...(before !== undefined && { before }) })
    for (const entry of page) rows.push({ tag: entry.tags[0] ?? '', outcome: entry.outcome })
    before = page.at(-1)?.id
    if (before === undefined) break
  }
  const tags = rows.map((row) => row.tag)
  const reached = new Set(upstream.received.map(numberOf))
  expect(reached.size).toBeGreaterThan(rounds)
  expect([...reached].filter((call) => !tags.includes(call))).toEqual([])
  expect(tags.length).toBe(new Set(tags).size)
  expect(rows.some((row) => row.outcome === 'lost')).toBe(true)
  const usage = await ledger.usage({ by: ['model'] })
  expect(usage.total.requests).toBe(rows.length)
  await ledger.close()
  await store.close()
  await rm(home, { recursive: true, force: true })
}, 600_000)
