import { Failure } from '../core/failure.ts'
import { errorCode } from './disk.ts'

export interface Asking {
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
  /** Statuses that are an answer; others are thrown. Only 200 if left out. */
  readonly accept?: readonly number[]
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>
}

/** A body that is being read. Dispose it to hang up. */
export interface Reply extends AsyncDisposable {
  readonly status: number
  readonly headers: Headers
  /** Throws `Failure('download_failed')` when it is cut, or silent for a minute; it has `retryAfterMs` where a new try makes sense. */
  chunks(): AsyncIterable<Uint8Array>
}

const maxRedirects = 10
/** How long to leave a server alone that failed and may not fail again. */
export const restMs = 250
const silenceMs = 60_000
const maxRetryAfterMs = 30_000

/**
 * GET, through the proxy and certificates that Bun's fetch takes from the environment. A redirect is followed from
 * https to https, or within one origin; credentials do not leave the origin they were meant for.
 */
export const ask = async (url: string, asking: Asking): Promise<Reply> => {
  const hangUp = new AbortController()
  const signal = asking.signal === undefined ? hangUp.signal : AbortSignal.any([asking.signal, hangUp.signal])
  const silence = new Silence(() => hangUp.abort())
  let from = new URL(url)
  let headers = asking.headers ?? {}
  for (let hops = 0; hops <= maxRedirects; hops++) {
    const response = await reach(from, { headers, redirect: 'manual', signal }, asking, silence)
    const location = response.headers.get('location')
    if (response.status < 300 || response.status > 399 || location === null) {
      const good = (asking.accept ?? [200]).includes(response.status)
      if (!good) {
        silence.end()
        hangUp.abort()
        throw refusal(from, response)
      }
      return new OpenReply(response, from, asking.signal, hangUp, silence)
    }
    void response.body?.cancel()
    const next = URL.parse(location, from.href)
    const same = next?.origin === from.origin
    if (next === null || (!same && !(from.protocol === 'https:' && next.protocol === 'https:'))) {
      silence.end()
      const where = next?.origin ?? 'what is no address'
      throw new Failure(
        'download_failed',
        `${from.host} sends us on to ${where}, which is not safe to follow.`,
      )
    }
    if (!same) headers = withoutCredentials(headers)
    from = next
  }
  silence.end()
  throw new Failure('download_failed', `${from.host} sends us in a circle.`)
}

const reach = async (url: URL, init: RequestInit, asking: Asking, silence: Silence): Promise<Response> => {
  try {
    silence.broken()
    return await (asking.fetch ?? fetch)(url.href, init)
  } catch (error) {
    silence.end()
    asking.signal?.throwIfAborted()
    const why = errorCode(error) ?? (error instanceof Error ? error.name : 'no answer')
    throw new Failure('network_unreachable', `${url.host} cannot be reached (${why}).`, { cause: error })
  }
}

const withoutCredentials = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).filter(([name]) => !['authorization', 'cookie'].includes(name.toLowerCase())),
  )

const refusal = (url: URL, response: Response): Failure => {
  const { status } = response
  const message = `${url.host} answers ${status} for ${url.pathname}.`
  // The hub hides what is private from those without a token; to them a misspelt name looks the same.
  if (status === 401 && response.headers.get('x-error-code') === 'RepoNotFound') {
    return new Failure(
      'source_missing',
      `${url.host} knows no ${url.pathname}, or shows it only with a token.`,
    )
  }
  if (status === 401 || status === 403) return new Failure('source_denied', message)
  if (status === 404 || status === 410) return new Failure('source_missing', message)
  if (status < 500 && status !== 408 && status !== 429) return new Failure('download_failed', message)
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
  const retryAfterMs = Number.isFinite(seconds) ? Math.min(seconds * 1000, maxRetryAfterMs) : restMs
  return new Failure('download_failed', { message, retryAfterMs })
}

/** Calls back when nothing has moved for a minute. */
class Silence {
  readonly #tell: () => void
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(tell: () => void) {
    this.#tell = tell
  }

  broken(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(this.#tell, silenceMs)
  }

  end(): void {
    clearTimeout(this.#timer)
  }
}

class OpenReply implements Reply {
  readonly status: number
  readonly headers: Headers
  readonly #response: Response
  readonly #url: URL
  readonly #signal: AbortSignal | undefined
  readonly #hangUp: AbortController
  readonly #silence: Silence

  constructor(
    response: Response,
    url: URL,
    signal: AbortSignal | undefined,
    hangUp: AbortController,
    silence: Silence,
  ) {
    this.status = response.status
    this.headers = response.headers
    this.#response = response
    this.#url = url
    this.#signal = signal
    this.#hangUp = hangUp
    this.#silence = silence
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    const reader = this.#response.body?.getReader()
    if (reader === undefined) return
    for (;;) {
      const next = await reader.read().catch((error: unknown) => {
        this.#signal?.throwIfAborted()
        const facts = { message: `${this.#url.host} cut the connection.`, retryAfterMs: restMs }
        throw new Failure('download_failed', facts, { cause: error })
      })
      if (next.done) return
      this.#silence.broken()
      yield next.value
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#silence.end()
    this.#hangUp.abort()
    return Promise.resolve()
  }
}

const maxTextBytes = 64 * 1024 * 1024

/** A small answer, whole. Throws as `ask`, and `Failure('download_failed')` when it is not small. */
export const askBytes = async (
  url: string,
  asking: Asking,
): Promise<{ readonly bytes: Uint8Array; readonly headers: Headers }> => {
  await using reply = await ask(url, asking)
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of reply.chunks()) {
    length += chunk.length
    if (length > maxTextBytes) throw new Failure('download_failed', `The answer of ${url} is too large.`)
    chunks.push(chunk)
  }
  return { bytes: Buffer.concat(chunks), headers: reply.headers }
}
