import { abortSignalOf } from '../../core/stop.ts'
import { z } from 'zod'

import type { Speaks, Target } from '../../core/backend.ts'
import { Failure } from '../../core/failure.ts'
import { paced } from '../../core/turns.ts'
import { defaultQueue, sharedSettings } from './kind.ts'
import type { BackendKind } from './kind.ts'
import { engineCall, type EngineCall } from './managed-ways.ts'
import { allOperations } from './presets.ts'

const settings = z.strictObject({ kind: z.literal('managed'), ...sharedSettings })

/** Of a row whose model is not here yet. */
const concurrency = 16

/** llama-server is what runs where nobody says. */
const usual: Speaks = { preset: 'llama-server' }

/** Engines that inhouse runs itself, each in its own dialect, at an address that is known when it runs. */
export const managed: BackendKind<z.output<typeof settings>> = {
  kind: 'managed',
  about: 'Engines that inhouse runs itself.',
  runsModels: true,
  settings,
  placeOf: (row) => row.place ?? 'local',
  create(name, row, { engines, place, send, factsOf, clock = Date }) {
    if (engines === undefined) {
      throw new Failure('internal', `Nobody runs the engines of the backend ${name}.`)
    }
    return {
      name,
      kind: row.kind,
      place,
      send,
      concurrency: row.concurrency ?? concurrency,
      queue: row.queue ?? defaultQueue,
      // A model that waits to be loaded keeps nobody from another.
      concurrencyOf: (model) => row.concurrency ?? engines.slotsOf?.(model) ?? concurrency,
      operations: allOperations,
      // The supervisor watches each engine itself.
      isWatched: true,
      probe: undefined,
      open: (target, signal) => engines.open(target.row, abortSignalOf(signal)),
      outgoing: (request, target) => {
        const speaks = engines.speaks?.(target.row) ?? usual
        const asked = {
          preset: speaks.preset,
          target: asSpoken(target, speaks),
          facts: factsOf?.(target),
          backend: { name, place },
        }
        return paced(request.body.bytes.length, engineCall(request, asked))
      },
      reader: (asked: EngineCall, reply) => asked.read(reply),
      failure: (asked: EngineCall, status, retryAfter, body) =>
        asked.failed(status, retryAfter, body, clock.now()),
    }
  },
}

/** The target as its engine wants it. */
function asSpoken(target: Target, { model = target.model, extra, context }: Speaks): Target {
  const behaviour = {
    ...target.behaviour,
    ...(extra !== undefined && { extra: { ...target.behaviour.extra, ...extra } }),
    ...(context !== undefined && { context }),
  }
  return { ...target, model, behaviour }
}
