import { abortSignalOf } from '../../core/stop.ts'
import { z } from 'zod'

import { Failure } from '../../core/failure.ts'
import { defaultQueue, sharedSettings } from './kind.ts'
import type { BackendKind } from './kind.ts'
import { openAiBackend, pathUnder } from './openai-compatible.ts'
import { presets } from './presets.ts'

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
    const preset = presets.find(({ id }) => id === 'llama-server')
    if (engines === undefined || preset === undefined) {
      throw new Failure('internal', `Nobody runs the engines of the backend ${name}.`)
    }
    return openAiBackend({
      name,
      kind: row.kind,
      preset,
      deps,
      concurrency: row.concurrency ?? preset.concurrency,
      queue: row.queue ?? defaultQueue,
      ask: 'stream',
      open: (target, signal) => engines.open(target.row, abortSignalOf(signal)),
      pathOf: (operation) => pathUnder('/v1', operation),
      // The supervisor watches each engine itself.
      probe: undefined,
    })
  },
}
