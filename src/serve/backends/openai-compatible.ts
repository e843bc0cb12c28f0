import { z } from 'zod'

import type { Opening, Target } from '../../core/backend.ts'
import { isInHouse, isLoopback } from '../../core/hosts.ts'
import { baseUrl, defaultQueue, pathSegment, remoteSettings, sharedSettings, splitBase } from './kind.ts'
import type { BackendDeps, BackendKind, RowBackend } from './kind.ts'
import { mustStay } from './ollama-models.ts'
import { openAiBackend } from './openai-backend.ts'
import { apis } from './openai-server.ts'
import { plain, presets } from './presets.ts'
import type { Preset } from './presets.ts'

const openAiSettings = {
  ...sharedSettings,
  ...remoteSettings,
  api: z
    .enum(apis)
    .optional()
    .describe(
      'Which of OpenAI’s two interfaces to ask for chats; left out: the one that the client speaks, where the backend has both.',
    ),
  mediaUrls: z
    .enum(['refuse', 'fetch'])
    .optional()
    .describe(
      'Images, audio and video that a client names by address: an engine would fetch them itself, from inside your network. refuse: only data: URLs (the default but for vendors).',
    ),
  apiVersion: z
    .string()
    .optional()
    .describe('Azure’s dated interface: `api-version`; the model is in the path.'),
  deployments: z
    .record(z.string().min(1), z.string().min(1))
    .optional()
    .describe(
      'Azure: the deployment of each model, so that models are asked for and accounted by their own names.',
    ),
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
  const ask = row.ask ?? (preset.run === 'engine' ? 'stream' : 'same')
  const mayFetch = row.mediaUrls === undefined ? preset.run === 'vendor' : row.mediaUrls === 'fetch'
  const under = (path: string): string => api + path
  return openAiBackend({
    name,
    kind: row.kind,
    deps,
    concurrency: row.concurrency ?? preset.concurrency,
    queue: row.queue ?? defaultQueue,
    operations: preset.operations,
    open: () => opening,
    serverOf: (target) => {
      const model = row.deployments?.[target.model] ?? target.model
      // It may be an Ollama: the interface does not say.
      mustStay(model, {}, { name, place: deps.place })
      return {
        preset,
        ask,
        api: row.api,
        mayFetch,
        target: model === target.model ? target : { ...target, model },
        facts: deps.factsOf?.(target),
        under: row.apiVersion === undefined ? under : datedPaths(api, model, row.apiVersion),
      }
    },
    probe: { path: 'beside' in preset.probe ? preset.probe.beside : api + preset.probe.under },
  })
}

function keyHeader(key: string | undefined, { keyHeader: header }: Preset): Record<string, string> {
  if (key === undefined) return {}
  return header === undefined ? { authorization: `Bearer ${key}` } : { [header]: key }
}

/** Azure's dated interface: the deployment is in the path, but for Responses. */
const datedPaths =
  (api: string, model: Target['model'], version: string) =>
  (path: string): string =>
    `${api}${path.startsWith('/responses') ? '' : `/deployments/${pathSegment(model)}`}${path}?api-version=${version}`
