import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { contractCases } from './testing/contract/cases.ts'
import type { ContractClient } from './testing/contract/client.ts'
import { gapOf } from './testing/contract/gaps.ts'
import { contractClients } from './testing/contract/index.ts'
import { endless, formsOf, realCases, realSkips, type RealCase } from './testing/contract/real-cases.ts'
import { contractEngines, skipOf, type RunningEngine } from './testing/contract/real-engines.ts'
import { readEnginesSeen, recordEngine } from './testing/contract/real-seen.ts'

const caseTimeoutMs = 300_000
/** Less than an endless answer would take. */
const abortTimeoutMs = 60_000

/**
 * Every surface, through its dialect's own client, with every real engine that can be had, over the contract's cases.
 * `RECORD=1` writes what held into `fixtures/engines-seen.json`; without it what holds must be what stands there.
 */
for (const contractEngine of contractEngines) {
  const { id: engineId, backend, isHeavy, startTimeoutMs, find } = contractEngine
  const start = isHeavy && process.env['INHOUSE_HEAVY'] === undefined ? undefined : await find()
  if (start === undefined) {
    test.skip(`the real ${engineId}${isHeavy ? ' (npm run test:heavy)' : ''}`, () => {})
    continue
  }
  describe(`the real ${engineId}`, () => {
    let engine: RunningEngine | undefined
    const held: Record<string, string[]> = {}
    /** Tokens of each case's prompt, as the first surface was told them. */
    const prompts = new Map<string, number>()

    beforeAll(async () => {
      engine = await start()
    }, startTimeoutMs)
    afterAll(async () => {
      await engine?.[Symbol.asyncDispose]()
    })

    const running = (): RunningEngine => {
      if (engine === undefined) throw new Error('It does not run.')
      return engine
    }

    for (const [surface, clientOf] of Object.entries(contractClients)) {
      const client = (model: string): ContractClient => clientOf({ ...running(), model })
      for (const each of realCases) {
        for (const form of formsOf(each.id)) {
          const { why } =
            skipOf(contractEngine, surface, each.id) ?? gapOf(surface, backend, each.id, form) ?? {}
          const name = `${surface}: ${each.id}, ${form}: ${each.shows}${why === undefined ? '' : ` (${why})`}`
          test.skipIf(why !== undefined)(
            name,
            async () => {
              await prove(each, form, client, running().slots, prompts)
              ;(held[surface] ??= []).push(`${each.id} ${form}`)
            },
            each.id === 'abort' ? abortTimeoutMs : caseTimeoutMs,
          )
        }
      }
    }

    test('what held is what the page of compatibility says', async () => {
      const { version } = running()
      const date = new Date().toISOString().slice(0, 10)
      if (process.env['RECORD'] !== undefined) await recordEngine(engineId, { version, date, held })
      expect((await readEnginesSeen())[engineId]?.held).toEqual(held)
    })
  })
}

test('every case is shown by the real engines, or says why not; what is skipped is little', () => {
  const told = [...realCases.map(({ id }) => id), ...Object.keys(realSkips)]
  expect(told.toSorted()).toEqual(contractCases.map(({ id }) => id).toSorted())
  expect(Object.keys(realSkips).length).toBeLessThanOrEqual(5)
  for (const { skips } of contractEngines) expect(skips.length).toBeLessThanOrEqual(1)
})

test('every engine was seen, and no other', async () => {
  expect(Object.keys(await readEnginesSeen()).toSorted()).toEqual(
    contractEngines.map(({ id }) => id).toSorted(),
  )
})

async function prove(
  { id, ask, model = 'small', holds }: RealCase,
  form: 'stream' | 'whole',
  clientOf: (model: string) => ContractClient,
  slots: number,
  prompts: Map<string, number>,
): Promise<void> {
  if (id === 'abort') {
    await Promise.all(Array.from({ length: slots }, () => leave(clientOf(model))))
    // Nobody is answered while an endless one is written.
    await clientOf(model).whole({ turns: ask.turns, maxTokens: 1 })
    return
  }
  const pieces: string[] = []
  const asking = (client: ContractClient) =>
    form === 'whole'
      ? client.whole(ask)
      : client.stream(ask, (piece) => pieces.push(piece), new AbortController().signal)
  if (holds === undefined) {
    for (const name of [model, 'nobody']) {
      const client = clientOf(name)
      const failure = await asking(client).then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
      expect([failure, client.isFailure(failure)]).toEqual([failure, true])
    }
    return
  }
  const heard = await asking(clientOf(model))
  expect([heard, holds(heard)]).toEqual([heard, true])
  if (form === 'stream') expect(pieces.join('')).toBe(heard.text)
  if (id === 'stream') expect(pieces.length).toBeGreaterThan(1)
  // The same prompt reaches the engine, whichever dialect it comes in; but a response's tools must say if they are `strict`.
  const tokens = heard.usage?.input ?? 0
  const more = Math.abs(tokens - (prompts.get(id) ?? tokens))
  expect(more).toBeLessThanOrEqual(ask.tools === undefined ? 0 : 4)
  expect(tokens).toBeGreaterThan(0)
  prompts.set(id, tokens)
}

async function leave(client: ContractClient): Promise<void> {
  const leaving = new AbortController()
  await client.stream(endless, () => leaving.abort(), leaving.signal).catch(() => undefined)
  expect(leaving.signal.aborted).toBe(true)
}
