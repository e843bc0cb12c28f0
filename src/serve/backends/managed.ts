import { abortSignalOf } from '../../core/stop.ts'
import { z } from 'zod'

import type { Speaks, Target } from '../../core/backend.ts'
import { Failure } from '../../core/failure.ts'
import { defaultQueue, sharedSettings } from './kind.ts'
import type { BackendKind } from './kind.ts'
import { openAiBackend } from './openai-backend.ts'
import type { Server } from './openai-server.ts'
import { allOperations, plain, presets } from './presets.ts'

const settings = z.strictObject({ kind: z.literal('managed'), ...sharedSettings })

/** Engines that inhouse runs itself: the same dialect as any llama-server, at an address that is known when it runs. */
export const managed: BackendKind<z.output<typeof settings>> = {
  kind: 'managed',
  about: 'Engines that inhouse runs itself.',
  runsModels: true,
  settings,
  placeOf: (row) => row.place ?? 'local',
  create(name, row, deps) {
    const { engines } = deps
    if (engines === undefined) {
      throw new Failure('internal', `Nobody runs the engines of the backend ${name}.`)
    }
    return openAiBackend({
      name,
      kind: row.kind,
      deps,
      concurrency: row.concurrency ?? 16,
      queue: row.queue ?? defaultQueue,
      // A model that waits to be loaded keeps nobody from another.
      concurrencyOf: () => row.concurrency ?? 16,
      operations: allOperations,
      open: (target, signal) => engines.open(target.row, abortSignalOf(signal)),
      serverOf: (target) => ({
        ...asSpoken(target, engines.speaks?.(target.row)),
        ask: 'stream',
        api: undefined,
        mayFetch: false,
        facts: deps.factsOf?.(target),
        under: (path) => `/v1${path}`,
      }),
      // The supervisor watches each engine itself.
      isWatched: true,
      probe: undefined,
    })
  },
}

/** The target as its engine wants it. llama-server is what runs where nobody says. */
function asSpoken(target: Target, speaks: Speaks | undefined): Pick<Server, 'preset' | 'target'> {
  const id = speaks?.preset ?? 'llama-server'
  const preset = presets.find((each) => each.id === id) ?? plain
  if (speaks?.model === undefined && speaks?.extra === undefined) return { preset, target }
  const extra = { ...target.behaviour.extra, ...speaks.extra }
  const behaviour = { ...target.behaviour, extra }
  return { preset, target: { ...target, model: speaks.model ?? target.model, behaviour } }
}
