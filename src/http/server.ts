import { Hono, type Context } from 'hono'
import { cors } from 'hono/cors'

import { Failure, asFailure, type FailureCode } from '../core/failure.ts'
import type { Guard, Identity } from '../core/guard.ts'
import { isLoopback } from '../core/hosts.ts'
import { matchName } from '../core/names.ts'
import type { Surface } from '../core/surface.ts'
import type { Gateway, Incoming } from '../serve/gateway/gateway.ts'
import { openAiError } from '../serve/surfaces/openai-error.ts'
import { renderModel, renderModels, type ModelListing } from '../serve/surfaces/models.ts'
import { readBody, type BodyLimits } from './body.ts'
import { credentialOf, tagsOf } from './credential.ts'
import { pathOf } from './path.ts'

/** What answers, model by model; `ready` when at least one can. */
export interface Readiness {
  readonly ready: boolean
  readonly models: Readonly<Record<string, string>>
  /** Why nothing is served, where it cannot be written down. */
  readonly store?: FailureCode
}

export interface ServerParts {
  readonly gateway: Gateway
  readonly surfaces: readonly Surface[]
  readonly version: string
  listings(): readonly ModelListing[]
  readiness(): Readiness
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
    allowMethods: ['GET', 'HEAD', 'POST'],
    exposeHeaders: shownToPages,
    maxAge: preflightSeconds,
  })
  app.use('*', (c, next) => (parts.corsOrigins().length === 0 ? next() : forPages(c, next)))
  const only = (
    method: 'GET' | 'POST',
    path: string,
    handler: (c: Context) => Response | Promise<Response>,
  ) => {
    app.on(method, path, handler)
    const allow = method === 'GET' ? 'GET, HEAD' : method
    app.all(path, () =>
      refuse(new Failure('method_not_allowed', `This path takes ${allow}.`), parts, { allow }),
    )
  }
  for (const surface of parts.surfaces)
    for (const path of surface.paths) only('POST', path, (c) => answer(c.req.raw, surface, parts))
  only('GET', '/v1/models', (c) => listed(c.req.raw, parts, renderModels))
  only('GET', '/v1/models/:id{.+}', (c) =>
    listed(c.req.raw, parts, (rows) => {
      const id = c.req.param('id') ?? ''
      const listing = rows.find((row) => row.name === id)
      if (listing === undefined) {
        const message = `There is no model named ${id.slice(0, 200)}.`
        throw new Failure('model_unknown', { message, param: 'model' })
      }
      return renderModel(listing)
    }),
  )
  only('GET', '/health', (c) => c.json({ status: 'ok', version: parts.version }))
  only('GET', '/ready', (c) => {
    const readiness = parts.readiness()
    return c.json(readiness, readiness.ready ? 200 : 503)
  })
  // The greeting that clients of Ollama look for.
  only('GET', '/', (c) => c.text('Ollama is running'))
  app.notFound(() => refuse(new Failure('not_found', 'There is nothing at this path.'), parts))
  app.onError((error) => refuse(asFailure(error), parts))
  return app
}

/** What pages may read of an answer, beside its body. */
const shownToPages = [
  ...['request-id', 'backend', 'model', 'decision', 'warning', 'label'].map((name) => `x-inhouse-${name}`),
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

const answer = (request: Request, surface: Surface, parts: ServerParts): Promise<Response> =>
  parts.gateway.handle(new HttpCall(request, surface, parts))

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
    return identified(guard, this.#request.headers, this.#parts)
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

function identified(guard: Guard, headers: Headers, { keyName }: ServerParts): Identity | Promise<Identity> {
  if (keyName !== undefined) {
    mustBeLocal(headers)
    return guard.identifyNamed(keyName)
  }
  const secret = credentialOf(headers)
  try {
    return guard.identify(secret)
  } catch (thrown) {
    if (asFailure(thrown).code !== 'key_unknown') throw thrown
    // `keys create` is a process of its own, and its key should work at once.
    return guard.refresh().then(() => guard.identify(secret))
  }
}

/** Any web page can make a browser call a port of this machine, and point a name of its own at it: neither shows a key. */
function mustBeLocal(headers: Headers): void {
  const addresses = [
    `http://${headers.get('host') ?? 'localhost'}`,
    headers.get('origin') ?? 'http://localhost',
  ]
  for (const address of addresses) {
    if (!isLoopback(URL.parse(address)?.hostname ?? '')) {
      throw new Failure(
        'origin_refused',
        'The call comes by another name than this machine’s, or from a web page.',
      )
    }
  }
}

/** The models that this key may ask for. */
async function listed(
  request: Request,
  parts: ServerParts,
  render: (rows: readonly ModelListing[]) => unknown,
): Promise<Response> {
  try {
    const { models } = await identified(parts.gateway.setup.guard, request.headers, parts)
    const rows = parts.listings()
    return Response.json(
      render(models === undefined ? rows : rows.filter(({ name }) => matchName(name, models) !== undefined)),
    )
  } catch (thrown) {
    return refuse(asFailure(thrown), parts)
  }
}

function refuse(failure: Failure, parts: ServerParts, headers: Record<string, string> = {}): Response {
  const id = parts.newId()
  if (failure.code === 'internal') parts.failed(failure, id)
  return new Response(openAiError(failure, id), {
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
