import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { backendKinds } from './serve/backends/index.ts'
import { surfaces } from './serve/surfaces/index.ts'
import { contractCases, type ContractCase } from './testing/contract/cases.ts'
import type { ContractClient, Heard } from './testing/contract/client.ts'
import { contractGaps, gapOf } from './testing/contract/gaps.ts'
import { contractClients, contractUpstreams } from './testing/contract/index.ts'
import { callText, splitEvery, type Asked, type ContractUpstream } from './testing/contract/upstream.ts'
import { FakeModel, type Received, type Script } from './testing/fake-model.ts'
import { startTestApp, type TestApp } from './testing/test-app.ts'

/** Every surface, through its dialect's own client, with every backend, over one list of cases. */
for (const upstream of contractUpstreams) {
  if (!backendKinds.some(({ kind }) => kind === upstream.backend)) continue
  for (const [surface, clientOf] of Object.entries(contractClients)) {
    if (!surfaces.some(({ id }) => id === surface)) continue
    describe(`${surface} → ${upstream.id}`, () => {
      let model: FakeModel
      let inhouse: TestApp
      let client: ContractClient
      let pairCase: ContractCase
      let calls: Received[] = []
      beforeAll(async () => {
        model = await FakeModel.start((request) => {
          const aside = upstream.aside?.(request)
          if (aside !== undefined) return aside
          calls.push(request)
          return scriptOf(upstream, pairCase, request)
        })
        inhouse = await startTestApp(`
retries: { attempts: 1 }
health: { failuresToOpen: 1000 }
backends: { one: { kind: ${upstream.backend}, place: local, ${upstream.row(model.url)} } }
models: { m: { backend: one } }`)
        client = clientOf({ url: inhouse.app.url, key: inhouse.key, model: 'm' })
      })
      afterAll(async () => {
        await inhouse[Symbol.asyncDispose]()
        await model[Symbol.asyncDispose]()
      })
      for (const each of contractCases) {
        for (const form of ['stream', 'whole'] as const) {
          if (each.only !== undefined && each.only !== form) continue
          const gap = gapOf(surface, upstream.id, each.id, form)
          test.skipIf(gap !== undefined)(
            `${each.id}, ${form}: ${each.about}${gap === undefined ? '' : ` (${gap.why})`}`,
            async () => {
              pairCase = each
              calls = []
              await prove(each, form, client, upstream, () => calls)
            },
          )
        }
      }
    })
  }
}

test('gaps are few, and each names what there is', () => {
  const ids = new Set(contractCases.map(({ id }) => id))
  for (const gap of contractGaps) {
    expect(ids).toContain(gap.case)
    expect(gap.source).toMatch(/^https:\/\//)
  }
  const pairs = Object.keys(contractClients).length * contractUpstreams.length
  expect(contractGaps.length).toBeLessThanOrEqual(pairs)
})

function scriptOf(
  upstream: ContractUpstream,
  { said, fails, splitEvery: size, leaves }: ContractCase,
  request: Received,
): Script {
  if (fails === 'before') return upstream.failure()
  if (fails === 'within') return upstream.breaking(said, request)
  const script = upstream.answer(said, request)
  if (size !== undefined) return splitEvery(script, size)
  // The rest of the answer never comes: only a hang-up ends it.
  return leaves === true ? { ...script, until: new Promise(() => undefined) } : script
}

async function prove(
  each: ContractCase,
  form: 'stream' | 'whole',
  client: ContractClient,
  upstream: ContractUpstream,
  calls: () => readonly Received[],
): Promise<void> {
  const pieces: string[] = []
  const leaving = new AbortController()
  const answering =
    form === 'whole'
      ? client.whole(each.ask)
      : client.stream(
          each.ask,
          (piece) => {
            pieces.push(piece)
            if (each.leaves === true) leaving.abort()
          },
          leaving.signal,
        )
  if (each.fails !== undefined) {
    const failure = await answering.then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    expect([failure, client.isFailure(failure)]).toEqual([failure, true])
    return
  }
  if (each.leaves === true) {
    await answering.catch(() => undefined)
    expect((await calls()[0]?.ended)?.how).toBe('left')
    return
  }
  const heard = await answering
  expect(heard).toEqual(expectedOf(each, heard, upstream))
  if (form === 'stream') expect([heard.text, heard.refusal]).toContain(pieces.join(''))
  const [call] = calls()
  if (call === undefined) throw new Error('Nobody was asked.')
  expect(calls()).toHaveLength(1)
  expectAsked(each, upstream.asked(call))
}

function expectedOf({ said }: ContractCase, heard: Heard, { hidesCached }: ContractUpstream): Heard {
  const joined = (pick: 'text' | 'reasoning' | 'refusal'): string =>
    said.pieces.map((piece) => (pick in piece ? (piece as Record<string, string>)[pick] : '')).join('')
  // Some vendors refuse in the words of the answer, some clients look for them there.
  const words = joined('text') + joined('refusal')
  const { input, cached, output } = said.usage
  const told = hidesCached === true ? 0 : cached
  return {
    text: said.finish === 'refusal' && heard.refusal === words ? '' : words,
    reasoning: joined('reasoning'),
    refusal: said.finish === 'refusal' && heard.refusal === words ? words : '',
    calls: said.pieces.flatMap((piece) =>
      'call' in piece ? [{ name: piece.call.name, input: piece.call.input }] : [],
    ),
    finish: said.finish,
    usage: { input, cached: heard.usage?.cached === undefined ? undefined : told, output },
  }
}

function expectAsked({ ask }: ContractCase, asked: Asked): void {
  const turns = ask.turns.flatMap((turn) => {
    if (turn.by === 'tools') return turn.results.map(({ name, result }) => `${name} → ${result}`)
    const text = turn.text === undefined ? [] : [`${turn.by}: ${turn.text}`]
    const calls = turn.by === 'assistant' ? (turn.calls ?? []) : []
    return [...text, ...calls.map(({ name, input }) => callText(name, JSON.stringify(input)))]
  })
  expect(asked.turns).toEqual(turns)
  expect(asked.system).toBe(ask.system ?? '')
  expect(asked.tools).toEqual((ask.tools ?? []).map(({ name }) => name))
  expect(asked.toolChoice).toBe(ask.toolChoice)
  expect(asked.images).toEqual(
    ask.turns.flatMap((turn) => (turn.by === 'user' && turn.png !== undefined ? [turn.png] : [])),
  )
  if (ask.schema !== undefined) expect(asked.schema).toEqual(ask.schema)
  if (ask.effort !== undefined) expect(asked.thinks).toBe(true)
  expect(asked.stop).toEqual(ask.stop === undefined ? [] : [ask.stop])
  if (ask.maxTokens !== undefined) expect(asked.maxTokens).toBe(ask.maxTokens)
}
