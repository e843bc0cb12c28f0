import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { Failure } from '../../core/failure.ts'
import { type Label, labels } from '../../core/label.ts'
import { builtInPlaces, placeKinds } from '../../core/place.ts'
import type { Transport, UpstreamCall, UpstreamReply } from '../../core/send.ts'
import { createDoor, mayPass } from './door.ts'

const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 1000)

const reply: UpstreamReply = {
  status: 200,
  header: () => undefined,
  body: { read: async () => undefined, all: async () => new Uint8Array(), cancel: () => {} },
}

const call: UpstreamCall = {
  method: 'POST',
  url: 'http://127.0.0.1/',
  headers: {},
  body: new Uint8Array(7),
  signal: new AbortController().signal,
  connectTimeoutMs: 1,
}

/** A transport that answers, and remembers that it was reached. */
const recorder = () => {
  const reached: UpstreamCall[] = []
  const transport: Transport = async (each) => {
    reached.push(each)
    return reply
  }
  return { reached, transport }
}

const place = fc.record({
  name: fc.string(),
  kind: fc.constantFrom(...placeKinds),
  clearance: fc.constantFrom(...labels),
})

test('nothing above a place’s clearance, and nothing to a third party when offline, reaches the transport', async () => {
  await fc.assert(
    fc.asyncProperty(place, fc.constantFrom(...labels), fc.boolean(), async (to, label, offline) => {
      const { reached, transport } = recorder()
      const refused =
        labels.indexOf(label) > labels.indexOf(to.clearance) || (offline && to.kind === 'third-party')
      const outcome = await createDoor(transport, () => ({ offline }))
        .sendTo(to)(call, label)
        .catch((error: unknown) => error)
      expect(reached).toHaveLength(refused ? 0 : 1)
      const code = offline && to.kind === 'third-party' ? 'offline' : 'place_not_cleared'
      if (refused) expect(outcome).toMatchObject({ code })
      else expect(outcome).toBe(reply)
    }),
    { numRuns },
  )
})

test.each([
  ['internal', 'cloud', false, undefined],
  ['personal', 'cloud', false, 'above_clearance'],
  ['public', 'cloud', true, 'offline'],
  ['restricted', 'local', true, undefined],
  ['restricted', 'tenant', true, 'above_clearance'],
] as [Label, keyof typeof builtInPlaces, boolean, string | undefined][])(
  'a request that is %s goes to %s with offline %p: held back by %p',
  (label, to, offline, code) => {
    expect(mayPass(label, builtInPlaces[to], { offline })?.code).toBe(code)
  },
)

test('a refusal names label and place, and is a Failure', async () => {
  const send = createDoor(recorder().transport, () => ({ offline: false })).sendTo(builtInPlaces.cloud)
  const failure = await send(call, 'restricted').catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(Failure)
  expect((failure as Failure).message).toBe('The request is restricted; cloud may see up to internal.')
})
