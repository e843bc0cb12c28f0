import { createHash } from 'node:crypto'
import { readdir, readFile, realpath, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'

import { z } from 'zod'

import { Failure } from '../../core/failure.ts'
import { download } from '../../install/download.ts'
import type { Watch } from '../../install/progress.ts'
import { askBytes } from '../../install/web.ts'
import { chooseFiles, type Chosen, type HubFile } from './hub-files.ts'
import { notUnderstood, type ModelSource, type Offer, type Reference, type World } from './source.ts'

// API: https://huggingface.co/docs/hub/api (revision, tree with Link paging, resolve);
// files on disk: https://huggingface.co/docs/hub/local-cache.
const revisionShape = z.object({ sha: z.string().regex(/^[0-9a-f]{40}$/) })
const treeShape = z.array(
  z.object({
    type: z.string(),
    path: z.string(),
    size: z.int().min(0),
    oid: z.string(),
    lfs: z.object({ oid: z.string().regex(/^[0-9a-f]{64}$/), size: z.int().min(0) }).optional(),
  }),
)

const maxPages = 100

interface Named {
  readonly repository: string
  readonly revision: string
  /** A path in it, or a quantisation. */
  readonly wanted: string | undefined
}

interface Hub {
  readonly endpoint: string
  readonly headers: Readonly<Record<string, string>>
  readonly cache: string
}

/** A repository of the Hugging Face hub, pinned to a commit. Files of the hub's own cache are used in place. */
export const hub: ModelSource = {
  scheme: 'hf',
  example: 'hf:owner/repo:Q4_K_M',
  find: async (reference, world, watch) => {
    const named = readName(reference)
    const at = readEnvironment(reference, world)
    const listed = await list(at, named, world, watch)
    const chosen = chooseFiles(listed.files, named.wanted)
    if (chosen.length === 0) throw nothingFits(reference, listed.files)
    const files = await Promise.all(chosen.map((choice) => offer(choice, at, named, listed.commit, world)))
    return { revision: listed.commit, trust: 'published', files }
  },
}

const readName = (reference: Reference): Named => {
  const part = String.raw`[\w][\w.-]*`
  const pattern = new RegExp(`^(${part}/${part})(?:@([\\w./-]+))?(?::(.+))?$`)
  const [, repository = '', revision = 'main', wanted] = pattern.exec(reference.rest) ?? []
  if (repository === '' || revision.includes('..')) {
    throw notUnderstood(reference, 'it looks like hf:owner/repo[@revision][:file or :QUANT]')
  }
  return { repository, revision, wanted }
}

const readEnvironment = (reference: Reference, { env }: World): Hub => {
  const endpoint = (env['HF_ENDPOINT'] || 'https://huggingface.co').replace(/\/+$/, '')
  if (!/^https?:$/.test(URL.parse(endpoint)?.protocol ?? ''))
    throw notUnderstood(reference, 'HF_ENDPOINT is not a web address')

  const token = env['HF_TOKEN']?.trim()
  const root = env['HF_HOME'] ?? join(env['HOME'] ?? '/', '.cache', 'huggingface')
  return {
    endpoint,
    headers: token === undefined || token === '' ? {} : { authorization: `Bearer ${token}` },
    cache: env['HF_HUB_CACHE'] ?? join(root, 'hub'),
  }
}

const cacheFolder = (at: Hub, named: Named): string =>
  join(at.cache, `models--${named.repository.replace('/', '--')}`)

interface Listed {
  readonly commit: string
  readonly files: readonly HubFile[]
}

/** The hub's list; where it cannot be reached (or HF_HUB_OFFLINE says not to ask), what its cache on disk holds. */
const list = async (at: Hub, named: Named, world: World, watch: Watch): Promise<Listed> => {
  const offline = ['1', 'true', 'yes', 'on'].includes((world.env['HF_HUB_OFFLINE'] ?? '').toLowerCase())
  try {
    if (offline) throw new Failure('network_unreachable', 'HF_HUB_OFFLINE is set.')
    return await listFromHub(at, named, world, watch)
  } catch (error) {
    const unreachable = error instanceof Failure && error.code === 'network_unreachable'
    const cached = unreachable ? await listFromCache(at, named) : undefined
    if (cached === undefined) throw error
    return cached
  }
}

const listFromHub = async (at: Hub, named: Named, world: World, watch: Watch): Promise<Listed> => {
  const asking = { ...world, ...watch, headers: at.headers }
  const api = `${at.endpoint}/api/models/${named.repository}`
  const revision = await askBytes(`${api}/revision/${encodeURIComponent(named.revision)}`, asking)
  const { sha } = read(revisionShape, revision.bytes)
  const files: HubFile[] = []
  let next: string | undefined = `${api}/tree/${sha}?recursive=true`
  for (let page = 0; next !== undefined && page < maxPages; page++) {
    const reply = await askBytes(next, asking)
    for (const entry of read(treeShape, reply.bytes)) {
      if (entry.type !== 'file') continue
      const proof = entry.lfs === undefined ? { gitId: gitIdOf(entry.oid) } : { sha256: entry.lfs.oid }
      files.push({ path: entry.path, bytes: entry.lfs?.size ?? entry.size, ...proof })
    }
    next = nextPage(reply.headers.get('link'), at)
  }
  return { commit: sha, files }
}

const notAsPromised = (cause?: unknown): Failure =>
  new Failure('download_failed', 'The hub’s answer is not what its API promises.', { cause })

/** It becomes a path in the cache. */
const gitIdOf = (oid: string): string => {
  if (!/^[0-9a-f]{40}$/.test(oid)) throw notAsPromised()
  return oid
}

const read = <T>(shape: z.ZodType<T>, bytes: Uint8Array): T => {
  try {
    return shape.parse(JSON.parse(Buffer.from(bytes).toString('utf8')))
  } catch (error) {
    throw notAsPromised(error)
  }
}

/** The token goes along to the next page: it must be the same hub's. */
const nextPage = (link: string | null, at: Hub): string | undefined => {
  const next = /<([^>]+)>\s*;\s*rel="?next"?/.exec(link ?? '')?.[1]
  if (next === undefined) return undefined
  const url = URL.parse(next, at.endpoint)
  if (url === null) throw notAsPromised()

  if (url.origin !== new URL(at.endpoint).origin) {
    throw new Failure('download_failed', 'The hub’s next page is on another host.')
  }
  return url.href
}

const listFromCache = async (at: Hub, named: Named): Promise<Listed | undefined> => {
  const folder = cacheFolder(at, named)
  const reference = await readFile(join(folder, 'refs', named.revision), 'utf8').catch(() => named.revision)
  const commit = reference.trim()
  if (!/^[0-9a-f]{40}$/.test(commit)) return undefined
  const snapshot = join(folder, 'snapshots', commit)
  const files: HubFile[] = []
  for (const path of await readdir(snapshot, { recursive: true }).catch(() => [])) {
    const blob = await realpath(join(snapshot, path)).catch(() => undefined)
    const entry = blob === undefined ? undefined : await stat(blob)
    if (blob === undefined || entry?.isFile() !== true) continue
    // The cache names its blobs by the hub's etag: sha256 of a large file, git's id of a small one.
    const name = basename(blob)
    files.push({ path, bytes: entry.size, ...(name.length === 64 ? { sha256: name } : { gitId: name }) })
  }
  return files.length === 0 ? undefined : { commit, files }
}

const nothingFits = (reference: Reference, files: readonly HubFile[]): Failure => {
  const models = files.map(({ path }) => path).filter((path) => /\.(gguf|safetensors)$/i.test(path))
  if (models.length === 0) {
    return new Failure('model_unsafe', `${reference.text} holds neither GGUF nor safetensors files.`)
  }
  return new Failure('source_missing', `${reference.text} fits none of ${models.slice(0, 40).join(', ')}.`)
}

const offer = async (choice: Chosen, at: Hub, named: Named, commit: string, world: World): Promise<Offer> => {
  const { file, role } = choice
  const path = file.path.split('/').map(encodeURIComponent).join('/')
  const url = `${at.endpoint}/${named.repository}/resolve/${commit}/${path}`
  const cached = join(cacheFolder(at, named), 'blobs', file.sha256 ?? file.gitId ?? '')
  const entry = await stat(cached).catch(() => undefined)
  const here =
    entry?.isFile() === true &&
    entry.size === file.bytes &&
    (file.sha256 !== undefined || (await hasGitId(cached, file)))
  const known = { bytes: file.bytes, ...(file.sha256 === undefined ? {} : { sha256: file.sha256 }) }
  return {
    ...known,
    name: file.path,
    role,
    ...(here ? { path: cached } : {}),
    fetch: async (to, watch) => {
      const label = `Downloading ${basename(file.path)}`
      const done = await download({ ...world, ...watch, ...known, headers: at.headers, url, to, label })
      if (file.sha256 !== undefined || (await hasGitId(to, file))) return done.sha256
      await rm(to)
      throw new Failure('digest_mismatch', `${file.path} is not the file of the commit.`)
    },
  }
}

/** Small files have no sha256 in the list, but git's own id: SHA-1 over `blob <size>\0` and the content. */
const hasGitId = async (path: string, file: HubFile): Promise<boolean> => {
  const content = await readFile(path)
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex') === file.gitId
}
