import { expect, test } from 'bun:test'
import { statfsSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { ledgerReader } from './account/ledger/reader.ts'
import { clock, withStore } from './cli/home-store.ts'
import { fakeAnswer } from './testing/fake-answers.ts'
import { FakeModel } from './testing/fake-model.ts'
import { serveProcess } from './testing/served.ts'

const home = await mkdtemp(join(tmpdir(), 'inhouse-full-'))
const isMounted = Bun.spawnSync(['mount', '-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', home]).success
if (!isMounted) await rm(home, { recursive: true })

const ballast = join(home, 'ballast')
/** Takes what room is left. */
const fill = (): void => {
  const { bavail, bsize } = statfsSync(home)
  writeFileSync(ballast, Buffer.alloc(bavail * bsize))
}

test.skipIf(!isMounted)(
  'on a full disk new calls are refused, calls under way end, and all of them are settled once there is room (only root may mount a small disk)',
  async () => {
    await using cleanup = new AsyncDisposableStack()
    cleanup.defer(async () => {
      Bun.spawnSync(['umount', home])
      await rm(home, { recursive: true })
    })
    const upstream = cleanup.use(await FakeModel.start())
    await Bun.write(
      join(home, 'inhouse.yaml'),
      `backends: { one: { kind: openai-compatible, url: ${upstream.url}/v1, place: local, ask: same, concurrency: 8 } }\nmodels: { m: { backend: one } }\n`,
    )
    const served = cleanup.use(await serveProcess({ home }))
    const ask = (stream = false): Promise<Response> =>
      served.post('/v1/chat/completions', {
        model: 'm',
        stream,
        messages: [{ role: 'user', content: 'hi' }],
      })

    const ready = async (): Promise<number> => (await fetch(`${served.url}/ready`)).status

    const { promise: released, resolve: release } = Promise.withResolvers<void>()
    cleanup.defer(release)
    upstream.answer = (request) => ({ ...fakeAnswer(request), until: released })
    const underWay = await Promise.all([ask(true), ask(true), ask(true)])
    upstream.answer = fakeAnswer
    fill()
    // What SQLite has room for in its own files is still taken.
    let refused = await ask()
    while (refused.status === 200) refused = await ask()

    expect(refused.status).toBe(503)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    const { error } = (await refused.json()) as { error: Record<string, unknown> }
    expect(error).toMatchObject({ type: 'server_error', code: 'store_full', param: null })
    expect(String(error['message'])).toContain('full')
    expect(String(error['message'])).not.toContain(home)
    // Beside the calls it was asked what its models are.
    const calls = (): number => upstream.received.filter(({ method }) => method === 'POST').length
    const admitted = calls()
    expect((await ask()).status).toBe(503)
    expect(calls()).toBe(admitted)
    expect(await ready()).toBe(503)

    release()
    for (const response of underWay) expect(await response.text()).toEndWith('data: [DONE]\n\n')

    await rm(ballast)
    while ((await ready()) !== 200) await Bun.sleep(20)
    expect((await ask()).status).toBe(200)
    await withStore(home, async (store) => {
      const ledger = ledgerReader(store, clock)
      while ((await ledger.usage({ by: [] })).total.requests < admitted + 1) await Bun.sleep(20)
      const rows = await ledger.recent({ limit: 1000 })
      expect(rows.map(({ outcome }) => outcome)).toEqual(Array.from({ length: admitted + 1 }, () => 'done'))
      expect((await ledger.usage({ by: [] })).total).toMatchObject({ requests: admitted + 1, inFlight: 0 })
    })
  },
)
