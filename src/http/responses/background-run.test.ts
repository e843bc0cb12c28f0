import { expect, test } from 'bun:test'

import type { KeptResponse } from '../../serve/conversations/response-store.ts'
import { BackgroundRun } from './background-run.ts'

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

const events = ['in_progress', 'completed']
  .map((status, number) => {
    const type = number === 0 ? 'response.created' : 'response.completed'
    const event = { type, sequence_number: number, response: { status, output: [] } }
    return `event: ${type}\ndata: ${JSON.stringify(event)}\n\n`
  })
  .join('')

const runOf = (keep: (kept: KeptResponse) => Promise<void>): BackgroundRun =>
  new BackgroundRun({
    id: 'resp_1',
    input: encode('[]'),
    queued: { id: 'resp_1', status: 'queued', output: [] },
    body: new ReadableStream({
      start: (controller) => {
        controller.enqueue(encode(events))
        controller.close()
      },
    }),
    maxBytes: 1e6,
    keep,
    stop: () => undefined,
  })

test('nobody is told that it is complete before it is kept', async () => {
  const gate = Promise.withResolvers<void>()
  const keeping = Promise.withResolvers<KeptResponse>()
  const run = runOf(async (kept) => {
    keeping.resolve(kept)
    await gate.promise
  })
  const followed = run.follow(-1).text()
  const read = run.read()
  const kept = await keeping.promise
  expect(JSON.parse(Buffer.from(kept.resource).toString())).toMatchObject({ status: 'completed' })
  expect(Buffer.from(kept.events ?? []).toString()).toContain('"response.completed"')
  expect(run.resource['status']).not.toBe('completed')
  const early = run.follow(-1).getReader()
  const first = early.read()
  gate.resolve()
  await read
  expect(Buffer.from((await first).value ?? []).toString()).not.toContain('"response.completed"')
  expect(run.resource['status']).toBe('completed')
  expect(await followed).toEndWith('data: [DONE]\n\n')
  expect(await followed).toContain('"response.completed"')
})

test('one that cannot be kept is still told to whoever follows it', async () => {
  const run = runOf(() => Promise.reject(new Error('The disk is full.')))
  const followed = run.follow(-1).text()
  expect(run.read()).rejects.toThrow('full')
  expect(await followed).toContain('"response.completed"')
})
