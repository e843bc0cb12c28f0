import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'

import { z } from 'zod'

import { Failure } from '../../core/failure.ts'
import { download } from '../../install/download.ts'
import type { Watch } from '../../install/progress.ts'
import { askBytes } from '../../install/web.ts'
import {
  notUnderstood,
  type ModelSource,
  type Offer,
  type Reference,
  type Role,
  type World,
} from './source.ts'

// Registry protocol and names of the layers: docker manifest v2 as ollama/ollama uses it
// (server/internal/manifest/manifest.go, server/images.go); files on disk as its docs/faq.md says.
const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/)
const manifestShape = z.object({
  layers: z.array(z.object({ mediaType: z.string(), digest, size: z.int().min(0) })).max(1000),
})
type Layer = z.infer<typeof manifestShape>['layers'][number]

const layerPrefix = 'application/vnd.ollama.image.'
const fileLayers: Readonly<Record<string, Role>> = {
  model: 'model',
  projector: 'projector',
  adapter: 'adapter',
}
const textLayers = ['template', 'system', 'params'] as const
const maxTextBytes = 1 << 20

interface Named {
  readonly registry: string
  readonly host: string
  /** `library/llama3.2` */
  readonly path: string
  readonly tag: string
}

/**
 * A model of Ollama's registry, or one that Ollama has on this machine: its manifest is taken first, and its blobs
 * are used in place.
 */
export const ollama: ModelSource = {
  scheme: 'ollama',
  example: 'ollama:llama3.2:1b',
  find: async (reference, world, watch) => {
    const named = readName(reference, world)
    const folders = modelFolders(world)
    const bytes = (await localManifest(named, folders)) ?? (await remoteManifest(named, world, watch))
    const parsed = manifestShape.safeParse(readJson(bytes))
    if (!parsed.success)
      throw new Failure('download_failed', `The manifest of ${reference.text} is not sound.`)
    const { layers } = parsed.data
    const files: Offer[] = []
    const notes: Record<string, string> = {}
    for (const layer of layers) {
      const kind = layer.mediaType.replace(layerPrefix, '')
      const role = fileLayers[kind]
      const known = await localBlob(layer, folders)
      const url = `${named.registry}/v2/${named.path}/blobs/${layer.digest}`
      if (role !== undefined) files.push(offer(layer, role, files.length, known, url, world))
      const isText = textLayers.some((name) => name === kind) && layer.size <= maxTextBytes
      if (isText) notes[kind] = await text(layer, known, url, world, watch)
    }
    if (!files.some(({ role }) => role === 'model')) {
      throw new Failure('model_unsafe', `${reference.text} holds no GGUF file.`)
    }
    const revision = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
    return { revision, trust: 'published', files, notes }
  },
}

const readName = (reference: Reference, world: World): Named => {
  const part = String.raw`[\w][\w.-]*`
  const pattern = new RegExp(`^(?:(${part})/)?(${part})(?::(${part}))?$`)
  const [, space = 'library', model = '', tag = 'latest'] = pattern.exec(reference.rest) ?? []
  if (model === '')
    throw notUnderstood(reference, 'it looks like ollama:name, ollama:name:tag or ollama:space/name:tag')
  const registry = (world.env['OLLAMA_REGISTRY'] ?? 'https://registry.ollama.ai').replace(/\/+$/, '')
  if (!URL.canParse(registry)) throw notUnderstood(reference, 'OLLAMA_REGISTRY is not a web address')
  return { registry, host: new URL(registry).host, path: `${space}/${model}`, tag }
}

const modelFolders = ({ env }: World): string[] => {
  const set = env['OLLAMA_MODELS']
  if (set !== undefined && set !== '') return [set]
  const home = env['HOME'] === undefined ? [] : [join(env['HOME'], '.ollama', 'models')]
  // The second is where its Linux service keeps them.
  return [...home, '/usr/share/ollama/.ollama/models']
}

const localManifest = async (named: Named, folders: readonly string[]): Promise<Buffer | undefined> => {
  for (const folder of folders) {
    const found = await readFile(join(folder, 'manifests', named.host, named.path, named.tag)).catch(
      () => undefined,
    )
    if (found !== undefined) return found
  }
  return undefined
}

const remoteManifest = async (named: Named, world: World, watch: Watch): Promise<Uint8Array> => {
  const headers = { accept: 'application/vnd.docker.distribution.manifest.v2+json' }
  const { registry, path, tag } = named
  return (await askBytes(`${registry}/v2/${path}/manifests/${tag}`, { ...world, ...watch, headers })).bytes
}

const readJson = (bytes: Uint8Array): unknown => {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    return undefined
  }
}

const localBlob = async (layer: Layer, folders: readonly string[]): Promise<string | undefined> => {
  for (const folder of folders) {
    const path = join(folder, 'blobs', layer.digest.replace(':', '-'))
    const entry = await stat(path).catch(() => undefined)
    if (entry?.isFile() === true && entry.size === layer.size) return path
  }
  return undefined
}

const offer = (
  layer: Layer,
  role: Role,
  index: number,
  path: string | undefined,
  url: string,
  world: World,
): Offer => {
  const sha256 = layer.digest.slice('sha256:'.length)
  const name = index === 0 ? `${role}.gguf` : `${role}-${index}.gguf`
  return {
    name,
    role,
    bytes: layer.size,
    sha256,
    ...(path === undefined ? {} : { path }),
    fetch: async (to, watch) => {
      await download({
        ...world,
        ...watch,
        url,
        to,
        sha256,
        bytes: layer.size,
        label: `Downloading the ${role}`,
      })
      return sha256
    },
  }
}

const text = async (layer: Layer, path: string | undefined, url: string, world: World, watch: Watch) => {
  const bytes =
    path === undefined ? (await askBytes(url, { ...world, ...watch })).bytes : await readFile(path)
  if (`sha256:${createHash('sha256').update(bytes).digest('hex')}` !== layer.digest) {
    throw new Failure('digest_mismatch', `The ${layer.mediaType} layer is not the one of the manifest.`)
  }
  return Buffer.from(bytes).toString('utf8')
}
