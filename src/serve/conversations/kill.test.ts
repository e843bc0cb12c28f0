import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { ResponseStore } from './response-store.ts'

const runs = Number(process.env['KILL_RUNS'] ?? 15)

/** Keeps responses without end, and tells each that is kept on stdout. */
const script = `
  import { writeSync } from 'node:fs'
  import { ResponseStore } from '${import.meta.dir}/response-store.ts'
  const [home, run] = process.argv.slice(1)
  const settings = () => ({ store: true, keepHours: 1, maxBytes: 1e9 })
  const store = await ResponseStore.open({ home, clock: Date, settings })
  const text = (value) => new TextEncoder().encode(JSON.stringify(value))
  let made = 0
  await Promise.all(Array.from({ length: 4 }, async () => {
    for (;;) {
      const id = run + '-' + (made += 1)
      await store.keep('key', { id, input: text([id]), resource: text({ id, output: [{ id: 'msg_' + id }] }), items: ['msg_' + id] })
      writeSync(1, id + '\\n')
    }
  }))`

let home: string
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'inhouse-kill-'))
})
afterAll(async () => {
  await rm(home, { recursive: true })
})

test(`a process killed with SIGKILL at any point, ${runs} times, loses no response that it said was kept`, async () => {
  const clock = { now: () => Date.now() }
  const settings = () => ({ store: true, keepHours: 1, maxBytes: 1e9 })
  let kept = 0
  for (let run = 0; run < runs; run++) {
    const child = Bun.spawn([process.execPath, '-e', script, home, `run${run}`], {
      stdout: 'pipe',
      stderr: 'inherit',
    })
    const told = new Response(child.stdout).text()
    // From before the key is made until long after.
    await Bun.sleep(50 + Math.random() * 200)
    child.kill('SIGKILL')
    await child.exited
    const ids = (await told).split('\n').slice(0, -1)
    kept += ids.length
    await using opened = disposable(await ResponseStore.open({ home, clock, settings }))
    for (const id of ids) {
      const [input, resource] = [await opened.store.input('key', id), await opened.store.resource('key', id)]
      expect([String(Buffer.from(input ?? [])), String(Buffer.from(resource ?? []))]).toEqual([
        JSON.stringify([id]),
        JSON.stringify({ id, output: [{ id: `msg_${id}` }] }),
      ])
    }
    const items = await opened.store.items('key', new Set(ids.map((id) => `msg_${id}`)), 1e6)
    expect(items.size).toBe(ids.length)
  }
  expect(kept).toBeGreaterThan(runs)
}, 120_000)

const disposable = (store: ResponseStore) => ({ store, [Symbol.asyncDispose]: () => store.close() })
