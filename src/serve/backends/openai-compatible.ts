import { z } from 'zod'

import type { Backend, Opening, Outgoing, Target } from '../../core/backend.ts'
import { isInHouse, isLoopback } from '../../core/hosts.ts'
import type { Dialect, Operation } from '../../core/operation.ts'
import type { ModelRequest } from '../../core/request.ts'
import { paced, type Work } from '../../core/turns.ts'
import { Draft } from './draft.ts'
import { forceCall, readingCall, type ForcedCall } from './forced-call.ts'
import { baseUrl, defaultQueue, remoteSettings, sharedSettings, splitBase } from './kind.ts'
import type { BackendDeps, BackendKind, RowBackend } from './kind.ts'
import { openAiDraft } from './openai-body.ts'
import { canStream, patchOpenAi, putSystem } from './openai-patch.ts'
import { OpenAiReading } from './openai-read.ts'
import { plain, presets } from './presets.ts'
import type { Preset } from './presets.ts'
import { unsupported } from './quirks.ts'
import { readerOf } from './reading.ts'
import { upstreamFailure } from './upstream-failure.ts'

const openAiSettings = {
  ...sharedSettings,
  ...remoteSettings,
  apiVersion: z
    .string()
    .optional()
    .describe('Azure’s dated interface: `api-version`; the model is in the path.'),
} as const

const settings = z.strictObject({
  kind: z.literal('openai-compatible'),
  url: baseUrl.describe('Up to and with /v1.'),
  preset: z
    .enum(presets.map((preset) => preset.id))
    .optional()
    .describe('Which engine or vendor it is; the same as giving that as the kind.'),
  ...openAiSettings,
})

type OpenAiRow = Omit<z.output<typeof settings>, 'kind' | 'url'> & {
  readonly kind: string
  readonly url: string
}

/** Any server that speaks OpenAI's dialect; `preset` says which, so that its quirks are known. */
export const openAiCompatible: BackendKind<OpenAiRow> = {
  kind: 'openai-compatible',
  about: plain.about,
  settings,
  placeOf: (row) => placeOf(row, presetOf(row)),
  create: (name, row, deps) => createFrom(name, row, presetOf(row), deps),
}

/** The presets as kinds of their own: `kind: vllm` is `kind: openai-compatible, preset: vllm`. */
export const presetKinds: readonly BackendKind<OpenAiRow>[] = presets.map((preset) => ({
  kind: preset.id,
  about: preset.about,
  settings: z.strictObject({
    kind: z.literal(preset.id),
    url: preset.url === undefined ? baseUrl : baseUrl.default(preset.url),
    ...openAiSettings,
  }),
  placeOf: (row) => placeOf(row, preset),
  create: (name, row, deps) => createFrom(name, row, preset, deps),
}))

const presetOf = (row: OpenAiRow): Preset => presets.find((preset) => preset.id === row.preset) ?? plain

/**
 * An engine in the own network is local. An unknown server is local on this very machine only, and a vendor
 * never: what is not known is a third party.
 */
function placeOf({ place, url }: OpenAiRow, { run }: Preset): string {
  if (place !== undefined) return place
  const { hostname } = new URL(url)
  const isOwn = run === 'engine' ? isInHouse(hostname) : run === 'unknown' && isLoopback(hostname)
  return isOwn ? 'local' : 'cloud'
}

function createFrom(name: string, row: OpenAiRow, preset: Preset, deps: BackendDeps): RowBackend {
  const { root, api } = splitBase(row.url)
  const headers = { ...keyHeader(row.apiKey, preset), ...row.headers }
  const opening: Opening = { url: root, headers, close: () => undefined }
  const version = row.apiVersion
  return openAiBackend({
    name,
    kind: row.kind,
    preset,
    deps,
    concurrency: row.concurrency ?? preset.concurrency,
    queue: row.queue ?? defaultQueue,
    ask: row.ask ?? (preset.run === 'engine' ? 'stream' : 'same'),
    open: () => opening,
    pathOf: (operation, model) =>
      version === undefined
        ? api + paths[operation]
        : `${api}/deployments/${pathSegment(model)}${paths[operation]}?api-version=${version}`,
    probe: { path: 'beside' in preset.probe ? preset.probe.beside : api + preset.probe.under },
  })
}

function keyHeader(key: string | undefined, { keyHeader: header }: Preset): Record<string, string> {
  if (key === undefined) return {}
  return header === undefined ? { authorization: `Bearer ${key}` } : { [header]: key }
}

/** A name that stays one segment of a path: `..` would leave it. */
const pathSegment = (name: string): string => encodeURIComponent(name).replaceAll('.', '%2E')

/** What an OpenAI-speaking backend needs to know; `managed` fills it in its own way. */
interface OpenAiParts extends Pick<Backend, 'name' | 'kind' | 'concurrency' | 'open' | 'probe'> {
  readonly preset: Preset
  readonly deps: BackendDeps
  readonly queue: number
  readonly ask: 'stream' | 'same'
  readonly pathOf: (operation: OpenAiOperation, model: string) => string
}

export function openAiBackend({ preset, deps, ask, pathOf, ...parts }: OpenAiParts): RowBackend {
  const headers = {
    stream: headersFor('text/event-stream', preset),
    whole: headersFor('application/json', preset),
  }
  return {
    ...parts,
    place: deps.place,
    send: deps.send,
    operations: preset.operations,
    outgoing: (request, target) =>
      paced(request.body.bytes.length, outgoing(request, target, preset, ask, pathOf, headers)),
    reader: (asked: Asked, reply) => {
      const reading = new OpenAiReading()
      return readerOf(asked.forced === undefined ? reading : readingCall(reading, asked.forced), asked, reply)
    },
    failure: (_outgoing, status, retryAfter, body) =>
      upstreamFailure(status, retryAfter, body, (deps.clock ?? Date).now()),
  }
}

/** What the adapter must remember of what it asked. */
interface Asked extends Outgoing {
  readonly forced?: ForcedCall | undefined
}

function* outgoing(
  request: ModelRequest,
  target: Target,
  preset: Preset,
  ask: 'stream' | 'same',
  pathOf: OpenAiParts['pathOf'],
  headers: { readonly stream: Headers; readonly whole: Headers },
): Work<Asked> {
  const { operation } = request
  if (!isOpenAi(operation) || !preset.operations.includes(operation)) {
    throw unsupported('model', `This backend has no operation ${operation}.`)
  }
  const dialect = dialectOf[operation]
  const draft =
    request.dialect === dialect
      ? new Draft(request.body)
      : yield* openAiDraft(yield* request.prompt(), preset)
  const forced = operation === 'chat' && preset.bindsCalls ? yield* forceCall(draft) : undefined
  const wasBase64 = operation === 'embed' && draft.get('encoding_format') === 'base64'
  const stream = operation !== 'embed' && (request.stream || (ask === 'stream' && canStream(draft)))
  const { system } = target.behaviour
  if (system !== undefined && operation !== 'embed') yield* putSystem(draft, operation, system)
  patchOpenAi(draft, operation, target, preset, stream)
  return {
    path: pathOf(operation, target.model),
    headers: stream ? headers.stream : headers.whole,
    body: draft.isChanged ? yield* draft.bytes() : draft.body.bytes,
    stream,
    dialect,
    warnings: draft.warnings,
    mustEncode: (wasBase64 && !preset.base64) || forced !== undefined,
    forced,
  }
}

type Headers = Outgoing['headers']

const headersFor = (accept: string, preset: Preset): Headers => ({
  'content-type': 'application/json',
  accept,
  ...preset.headers,
})

const paths = { chat: '/chat/completions', complete: '/completions', embed: '/embeddings' } as const

type OpenAiOperation = keyof typeof paths

const isOpenAi = (operation: Operation): operation is OpenAiOperation => operation in paths

export const pathUnder = (api: string, operation: OpenAiOperation): string => api + paths[operation]

const dialectOf = {
  chat: 'openai-chat',
  complete: 'openai-completions',
  embed: 'openai-embeddings',
} as const satisfies Record<OpenAiOperation, Dialect>
