import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

/**
 * A hub and an Ollama registry on one loopback port, in the shapes of their APIs: https://huggingface.co/docs/hub/api,
 * https://huggingface.co/docs/hub/local-cache, ollama/ollama server/internal/manifest/manifest.go.
 */
export interface FakeRegistries extends AsyncDisposable {
  readonly url: string
  /** Path and range of each request. */
  readonly asked: string[]
  /** Credentials of each request, by path. */
  readonly tokens: Map<string, string | undefined>
  /** Bytes after which a file's body falls silent; undefined: never. */
  silentAfter: number | undefined
  /** Called when a body has fallen silent. */
  onSilence: () => void
}

export interface Repositories {
  /** `owner/repo` → files. Names that end in .gguf or .safetensors are large files (LFS). */
  readonly hub?: Readonly<Record<string, Readonly<Record<string, Uint8Array>>>>
  /** `library/name:tag` → media type (behind `application/vnd.ollama.image.`) and content of each layer. */
  readonly ollama?: Readonly<Record<string, readonly (readonly [string, Uint8Array])[]>>
  /** A token that the hub wants. */
  readonly token?: string
}

export const commit = '0123456789abcdef0123456789abcdef01234567'

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

export const gitId = (bytes: Uint8Array): string =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')

export const ollamaManifest = (layers: readonly (readonly [string, Uint8Array])[]): string =>
  JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
    config: {
      mediaType: 'application/vnd.docker.container.image.v1+json',
      digest: `sha256:${'0'.repeat(64)}`,
      size: 2,
    },
    layers: layers.map(([kind, bytes]) => ({
      mediaType: `application/vnd.ollama.image.${kind}`,
      digest: `sha256:${sha256(bytes)}`,
      size: bytes.length,
    })),
  })

const pageSize = 2

export const fakeRegistries = async (content: Repositories): Promise<FakeRegistries> => {
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const url = new URL(request.url ?? '/', fake.url)
    fake.asked.push(
      `${url.pathname}${request.headers.range === undefined ? '' : ` ${request.headers.range}`}`,
    )
    fake.tokens.set(url.pathname, request.headers.authorization)
    const json = (value: unknown) => response.end(typeof value === 'string' ? value : JSON.stringify(value))
    const [, repository = '', rest = ''] =
      /^\/(?:api\/models\/)?([^/]+\/[^/]+)\/(.*)$/.exec(url.pathname) ?? []
    const files = content.hub?.[repository]
    const guarded = files !== undefined && content.token !== undefined
    if (guarded && request.headers.authorization !== `Bearer ${content.token}`) response.writeHead(401).end()
    else if (files !== undefined && rest === 'revision/main') json({ id: repository, sha: commit })
    else if (files !== undefined && rest === `tree/${commit}`) {
      const from = Number(url.searchParams.get('cursor') ?? 0)
      const entries = [
        { type: 'directory', path: 'sub', size: 0, oid: '0' },
        ...Object.entries(files).map(treeEntry),
      ]
      const next = new URL(url)
      next.searchParams.set('cursor', String(from + pageSize))
      if (from + pageSize < entries.length) response.setHeader('link', `<${next.href}>; rel="next"`)
      json(entries.slice(from, from + pageSize))
    } else if (files !== undefined && rest.startsWith(`resolve/${commit}/`)) {
      sendFile(request, response, files[decodeURIComponent(rest.slice(9 + commit.length))])
    } else sendLayer(url.pathname, request, response)
  }

  const sendLayer = (path: string, request: IncomingMessage, response: ServerResponse): void => {
    const [, name = '', kind, id = ''] = /^\/v2\/(.+)\/(manifests|blobs)\/(.+)$/.exec(path) ?? []
    const layers = content.ollama?.[`${name}:${id}`]
    if (kind === 'manifests' && layers !== undefined) response.end(ollamaManifest(layers))
    else if (kind === 'blobs') {
      const all = Object.values(content.ollama ?? {}).flat()
      sendFile(request, response, all.find(([, bytes]) => `sha256:${sha256(bytes)}` === id)?.[1])
    } else response.writeHead(404).end()
  }

  const sendFile = (
    request: IncomingMessage,
    response: ServerResponse,
    bytes: Uint8Array | undefined,
  ): void => {
    if (bytes === undefined) {
      response.writeHead(404).end()
      return
    }
    const etag = `"${sha256(bytes)}"`
    const range = /bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1]
    const offset = request.headers['if-range'] === etag ? Number(range ?? 0) : 0
    const rest = bytes.subarray(offset)
    const place =
      offset === 0 ? {} : { 'content-range': `bytes ${offset}-${bytes.length - 1}/${bytes.length}` }
    response.writeHead(offset === 0 ? 200 : 206, { etag, 'content-length': rest.length, ...place })
    if (fake.silentAfter === undefined || rest.length <= fake.silentAfter) response.end(rest)
    else response.write(rest.subarray(0, fake.silentAfter), () => fake.onSilence())
  }

  const server = createServer(answer)
  const fake = {
    url: '',
    asked: [] as string[],
    tokens: new Map<string, string | undefined>(),
    silentAfter: undefined as number | undefined,
    onSilence: () => undefined as void,
    [Symbol.asyncDispose]: () => {
      server.closeAllConnections()
      server.close()
      return Promise.resolve()
    },
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  fake.url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  return fake
}

const treeEntry = ([path, bytes]: [string, Uint8Array]) => {
  const large = /\.(gguf|safetensors)$/.test(path)
  const lfs = { oid: sha256(bytes), size: bytes.length, pointerSize: 134 }
  return { type: 'file', path, size: bytes.length, oid: gitId(bytes), ...(large ? { lfs } : {}) }
}
