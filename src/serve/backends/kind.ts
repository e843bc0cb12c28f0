import { z } from 'zod'

import type { Backend, EngineOpener, Target } from '../../core/backend.ts'
import type { Clock } from '../../core/clock.ts'
import type { ModelFacts } from '../../core/model-facts.ts'
import type { Place } from '../../core/place.ts'
import type { Send } from '../../core/send.ts'
import { unsupported } from './quirks.ts'

/** What a backend is made of besides its row. `engines` is there when the config has a `managed` row. */
export interface BackendDeps {
  readonly place: Place
  readonly send: Send
  readonly engines?: EngineOpener
  /** What is known of a target's model, without asking anybody. */
  readonly factsOf?: (target: Target) => ModelFacts | undefined
  /** Only for `Retry-After` given as a date. */
  readonly clock?: Pick<Clock, 'now'>
}

/** A backend with the length of its queue, as its row says. */
export type RowBackend = Backend & { readonly queue: number }

const milliseconds = z.int().positive()

/** What every row of `backends` may say. */
export const sharedSettings = {
  place: z.string().min(1).optional().describe('Where it runs: a name of `places`, or local, tenant, cloud.'),
  concurrency: z.int().positive().optional().describe('Calls at once; more wait.'),
  queue: z.int().nonnegative().optional().describe('Calls that may wait for a slot; more are refused.'),
  timeouts: z
    .strictObject({
      connectMs: milliseconds,
      firstEventMs: milliseconds,
      betweenEventsMs: milliseconds,
    })
    .partial()
    .optional()
    .describe('Milliseconds, in place of the general ones.'),
} as const

/** What all rows have. */
export type AnyRow = { readonly kind: string } & Readonly<z.output<z.ZodObject<typeof sharedSettings>>>

/** One kind of backend: the shape of its config row, where it runs, and how it is made. */
export interface BackendKind<Row extends AnyRow = AnyRow> {
  readonly kind: string
  /** What it is, in one line for docs and error texts. */
  readonly about: string
  readonly settings: z.ZodType<Row> & z.core.$ZodTypeDiscriminable
  /** Its models run in engines of ours: a row of `models` that leads here says where the model comes from. */
  readonly runsModels?: true
  /** It is told with each call how many tokens one may use: its rows of `models` may say `context`. */
  readonly takesContext?: true
  /** The name of the place of a row: what it says, else what its kind and address say. */
  placeOf(row: Row): string
  create(name: string, row: Row, deps: BackendDeps): RowBackend
}

/** What a row that is reached over HTTP may say too. */
export const remoteSettings = {
  apiKey: z.string().min(1).optional().describe('Sent as the backend wants it.'),
  headers: z.record(z.string().toLowerCase(), z.string()).optional().describe('Sent with every call.'),
  ask: z
    .enum(['stream', 'same'])
    .optional()
    .describe('stream: always ask for a stream, so that a hang-up stops it; same: as the client asked.'),
} as const

export const baseUrl = z
  .url({ protocol: /^https?$/ })
  .refine((text) => !/[?#]|\/\/[^/]*@/.test(text), 'has a query, a fragment or credentials')
  .transform((text) => text.replace(/\/+$/, ''))

export const defaultQueue = 256

/** A base URL that ends in `/v1` is taken apart, so that paths beside `/v1` (`/health`) can be reached too. */
export function splitBase(url: string): { readonly root: string; readonly api: string } {
  return url.endsWith('/v1') ? { root: url.slice(0, -3), api: '/v1' } : { root: url, api: '' }
}

/** A name as one segment of a path. Throws `Failure('unsupported')` for one that would leave it, which no encoding mends. */
export function pathSegment(name: string): string {
  if (name === '.' || name === '..') throw unsupported('model', 'No model has such a name.')
  return encodeURIComponent(name)
}
