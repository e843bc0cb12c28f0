import { Database } from 'bun:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { join } from 'node:path'

import { surfaces } from './serve/surfaces/index.ts'
import { FakeModel } from './testing/fake-model.ts'
import { goodBodies } from './testing/good-bodies.ts'
import { goodAnswer, goodUpstreams } from './testing/good-upstreams.ts'
import { hear } from './testing/heard.ts'
import { mutated, mutations } from './testing/mutate.ts'
import { startTestApp, type TestApp } from './testing/test-app.ts'

/** All surfaces together where nothing else is said; then each. */
const runs = process.env['PROPERTY_RUNS']
const numRuns = runs === undefined ? Math.ceil(1000 / surfaces.length) : Number(runs)
/** `PROPERTY_SEED` runs again what a report of a failure names. */
const seed = process.env['PROPERTY_SEED']
const longestMs = 20_000

/** What a body can be refused for, and what a model made of it: nothing that is ours to mend. */
const refusals = new Set([400, 404, 413, 415])

const bodies = await goodBodies()
let models: FakeModel[] = []
let inhouse: TestApp

beforeAll(async () => {
  models = await Promise.all(
    goodUpstreams.map((upstream) => FakeModel.start((request) => goodAnswer(upstream, request))),
  )
  const rows = goodUpstreams.map(
    (upstream, at) =>
      `  b${at}: { kind: ${upstream.backend}, place: local, concurrency: 1, ${upstream.row(models[at]?.url ?? '')} }`,
  )
  // Few places everywhere: calls that kept theirs would stop all that follow.
  inhouse = await startTestApp(`
server: { maxBodyBytes: 1000000 }
timeouts: { queueMs: 2000 }
limits: { keys: { concurrency: 8 } }
responses: { maxBytes: 1000000 }
backends:
${rows.join('\n')}
models: { ${goodUpstreams.map((_, at) => `m${at}: { backend: b${at} }`).join(', ')} }`)
})
afterAll(async () => {
  await inhouse[Symbol.asyncDispose]()
  for (const model of models) await model[Symbol.asyncDispose]()
})

describe('a body gone wrong is answered as a good one, or with an error that clients of its dialect read', () => {
  test.each(surfaces.map(({ id, paths }) => ({ id, paths })))('$id', async ({ id, paths }) => {
    const asked = bodies[id] ?? []
    expect(asked.length).toBeGreaterThan(0)
    const call = fc.record({
      path: fc.constantFrom(...paths),
      body: fc.constantFrom(...asked),
      target: fc.nat(goodUpstreams.length - 1),
      mutation: mutations,
    })
    await fc.assert(
      fc.asyncProperty(call, async ({ path, body, target, mutation }) => {
        forget()
        const response = await send(path, mutated({ ...body, model: `m${target}` }, mutation))
        const heard = await hear(id, response)
        if (heard.kind === 'answer') return
        const told = `${response.status} ${heard.code} ${heard.message}`
        if (heard.form === 'stream' || !refusals.has(response.status)) throw new Error(told)
      }),
      { numRuns, timeout: longestMs, ...(seed !== undefined && { seed: Number(seed) }) },
    )
  })

  test('and nothing stays open', async () => {
    using ledger = new Database(join(inhouse.home, 'inhouse.db'), { readonly: true })
    const held = ledger.query<{ held: number }, []>('SELECT count(*) AS held FROM ledger_hold')
    while (held.get()?.held !== 0) await Bun.sleep(5)
    const { total } = await inhouse.app.ledger.usage({ by: [] })
    expect(total).toMatchObject({ lost: 0 })
  })
})

/** What so many calls leave behind here. */
function forget(): void {
  for (const model of models) model.received.length = 0
  ;(inhouse.log as string[]).length = 0
}

const send = (path: string, init: RequestInit): Promise<Response> =>
  inhouse.post(path, init.body, { headers: init.headers ?? {} })
