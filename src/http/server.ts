import { Hono, type Context } from 'hono'
import { cors } from 'hono/cors'

import { Failure, asFailure, type FailureCode } from '../core/failure.ts'
import type { Guard, Identity } from '../core/guard.ts'
import type { Surface } from '../core/surface.ts'
import type { Gateway, Incoming } from '../serve/gateway/gateway.ts'
import { openAiError } from '../serve/surfaces/openai-error.ts'
import { readBody, type BodyLimits } from './body.ts'
import { tagsOf } from './credential.ts'
import { identified } from './identify.ts'
import type { Asked, Page } from './page.ts'
import { pathOf } from './path.ts'

/** What answers, model by model; `ready` when at least one can. */
export interface Readiness {
  readonly ready: boolean
  readonly models: Readonly<Record<string, string>>
  /** How busy the engines say they are: requests that run and wait inside them, and how full their caches are. */
  readonly load?: Readonly<
    Record<string, { readonly running?: number; readonly waiting?: number; readonly cacheUse?: number }>
  >
  /** Why nothing is served, where it cannot be written down. */
  readonly store?: FailureCode
}

export interface ServerParts {
  readonly gateway: Gateway
  readonly surfaces: readonly Surface[]
  /** What can be asked beside the calls to models. */
  readonly pages: readonly Page[]
  /** What is done around the calls of a surface, by its id: a look-up before, a note after. */
  readonly around?: Readonly<Record<string, Around>>
  readonly version: string
  readiness(): Readiness
  /** Shows who has a key that it is known here, by the beginning of its hash, with an answer to a nonce. */
  prove(hashPrefix: string, nonce: string): Promise<string | undefined>
  limits(): BodyLimits
  /** Web origins whose pages may call; `*` stands for all. */
  corsOrigins(): readonly string[]
  /** Every caller is taken for the holder of this key: for a listener on this machine whose clients know no key. */
  readonly keyName?: string
  newId(): string
  /** Told each failure that no call of the gateway tells of; for the log. */
  failed(failure: Failure, requestId: string): void
}

export type Handler = (request: Request) => Response | Promise<Response>
/** Answers a call with the help of `handle`, which takes it the way of every call and never rejects. */
export type Around = (call: Incoming, handle: (call: Incoming) => Promise<Response>) => Promise<Response>
/** Answers in the place of a handler that threw. */
export type Crashed = (thrown: unknown) => Response

/**
 * All routes, as a function from request to response: tested without a socket. Calls to a model, nearly all there are,
 * go by a look-up; the router, which costs them 8 µs each, has the rest, and everything where CORS is on.
 */
export function createHandler(parts: ServerParts): Handler {
  const app = createRoutes(parts)
  const direct = new Map<string, Surface>()
  for (const surface of parts.surfaces) for (const path of surface.paths) direct.set(path, surface)
  return (request) => {
    const isPlain = request.method === 'POST' && parts.corsOrigins().length === 0
    const surface = isPlain ? direct.get(pathOf(request.url)) : undefined
    return surface === undefined ? app.fetch(request) : answer(request, surface, parts)
  }
}

function createRoutes(parts: ServerParts): Hono {
  const app = new Hono()
  const forPages = cors({
    origin: (origin) => {
      const origins = parts.corsOrigins()
      return origins.includes('*') || origins.includes(origin) ? origin : undefined
    },
    allowMethods: ['GET', 'HEAD', 'POST', 'DELETE'],
    exposeHeaders: shownToPages,
    maxAge: preflightSeconds,
  })
  app.use('*', (c, next) => (parts.corsOrigins().length === 0 ? next() : forPages(c, next)))
  const routes = new Map<string, { readonly method: string; readonly error: ErrorOf }[]>()
  const add = (
    method: Page['method'],
    path: string,
    error: ErrorOf,
    handler: (c: Context) => Response | Promise<Response>,
  ): void => {
    app.on(method, path, handler)
    routes.set(path, [...(routes.get(path) ?? []), { method, error }])
  }
  for (const surface of parts.surfaces)
    for (const path of surface.paths)
      add('POST', path, surface.error, (c) => answer(c.req.raw, surface, parts))
  for (const page of parts.pages) add(page.method, page.path, page.error, (c) => shown(c, page, parts))
  add('GET', '/health', openAiError, async (c) => {
    const { key, nonce } = c.req.query()
    const proof = key === undefined || nonce === undefined ? undefined : await parts.prove(key, nonce)
    return c.json({ status: 'ok', version: parts.version, ...(proof !== undefined && { proof }) })
  })
  add('GET', '/ready', openAiError, (c) => {
    const readiness = parts.readiness()
    return c.json(readiness, readiness.ready ? 200 : 503)
  })
  // The greeting that clients of Ollama look for.
  add('GET', '/', openAiError, (c) => c.text('Ollama is running'))
  for (const [path, known] of routes) {
    const error = known[0]?.error ?? openAiError
    const allow = known.map(({ method }) => (method === 'GET' ? 'GET, HEAD' : method)).join(', ')
    app.all(path, () =>
      refuse(new Failure('method_not_allowed', `This path takes ${allow}.`), parts, error, { allow }),
    )
  }
  app.notFound((c) => {
    const error = errorNear(c.req.path, parts)
    return refuse(new Failure('not_found', 'There is nothing at this path.'), parts, error)
  })
  app.onError((error) => refuse(asFailure(error), parts))
  return app
}

/** What pages may read of an answer, beside its body. */
const shownToPages = [
  ...['request-id', 'backend', 'model', 'decision', 'warning', 'label'].map((name) => `x-inhouse-${name}`),
  'x-request-id',
  'retry-after',
  'retry-after-ms',
]
/** How long a browser remembers that a page may call: it asks anew after a new config. */
const preflightSeconds = 60

/** For what nobody foresaw: the client is told the request id, and the log the rest. */
export const crashed =
  (parts: ServerParts): Crashed =>
  (thrown) =>
    refuse(asFailure(thrown), parts)

function answer(request: Request, surface: Surface, parts: ServerParts): Promise<Response> {
  const call = new HttpCall(request, surface, parts)
  const around = parts.around?.[surface.id]
  const { gateway } = parts
  if (around === undefined) return gateway.handle(call)
  const refused = (thrown: unknown): Response => refuse(asFailure(thrown), parts, surface.error)
  return around(call, (it) => gateway.handle(it)).catch(refused)
}

async function shown(c: Context, page: Page, parts: ServerParts): Promise<Response> {
  const request = c.req.raw
  try {
    const asked: Asked = {
      request,
      identity: await identified(parts.gateway.setup.guard, request.headers, parts.keyName),
      param: (name) => c.req.param(name) ?? '',
      body: () => readBody(request, parts.limits()),
    }
    return await page.answer(asked)
  } catch (thrown) {
    return refuse(asFailure(thrown), parts, page.error)
  }
}

class HttpCall implements Incoming {
  readonly surface: Surface
  readonly tags: readonly string[]
  readonly #request: Request
  readonly #parts: ServerParts

  constructor(request: Request, surface: Surface, parts: ServerParts) {
    this.surface = surface
    this.tags = tagsOf(request.headers)
    this.#request = request
    this.#parts = parts
  }

  identify(guard: Guard): Identity | Promise<Identity> {
    return identified(guard, this.#request.headers, this.#parts.keyName)
  }

  signal(): AbortSignal {
    return this.#request.signal
  }

  header(name: string): string | undefined {
    return this.#request.headers.get(name) ?? undefined
  }

  body(): Promise<Uint8Array> {
    return readBody(this.#request, this.#parts.limits())
  }
}

type ErrorOf = Surface['error']

/** In the dialect whose paths begin as this one does. */
function errorNear(path: string, { surfaces, pages }: ServerParts): ErrorOf {
  const segments = path.split('/')
  const near = (other: string): number => {
    const at = other.split('/').findIndex((segment, index) => segment !== segments[index])
    return at === -1 ? Number.POSITIVE_INFINITY : at
  }
  let best = { near: 1, error: openAiError }
  const known = [
    ...surfaces.flatMap((surface) => surface.paths.map((it) => ({ near: near(it), error: surface.error }))),
    ...pages.map((page) => ({ near: near(page.path), error: page.error })),
  ]
  for (const each of known) if (each.near > best.near) best = each
  return best.error
}

/** The failure in the dialect of `error`. */
export function refuse(
  failure: Failure,
  parts: ServerParts,
  error: ErrorOf = openAiError,
  headers: Record<string, string> = {},
): Response {
  const id = parts.newId()
  if (failure.code === 'internal') parts.failed(failure, id)
  return new Response(error(failure, id), {
    status: failure.status,
    headers: {
      'content-type': 'application/json',
      'x-inhouse-request-id': id,
      'x-request-id': id,
      ...(failure.status === 401 && { 'www-authenticate': 'Bearer' }),
      ...headers,
    },
  })
}
