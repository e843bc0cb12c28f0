import { Failure } from '../core/failure.ts'
import type { ByteSource, Transport, UpstreamCall } from '../core/send.ts'
import { abortSignalOf } from '../core/stop.ts'
import { abortFailure } from './abort.ts'
import { readAddress } from './address.ts'
import { readAll } from './all.ts'
import { decodeReply } from './decode.ts'
import { checkHeaders } from './request.ts'

export interface FetchSettings {
  /** The proxy for an address; undefined: go straight. */
  readonly proxyFor?: (url: string) => string | undefined
  /** PEM certificates to trust instead of the machine's. */
  readonly ca?: string
}

/** What Bun calls a connection that stood and then broke, or an answer that is not HTTP; the rest is connecting. */
const codes: Readonly<Record<string, 'upstream_cut' | 'upstream_invalid'>> = {
  ConnectionClosed: 'upstream_cut',
  ECONNRESET: 'upstream_cut',
  Malformed_HTTP_Response: 'upstream_invalid',
}

/**
 * HTTP over Bun's `fetch`, which can go through a proxy; twice the CPU of the socket transport. Two limits:
 * `connectTimeoutMs` is not kept, since fetch does not say when a connection stands (the deadline of the first event
 * covers it), and at most 256 calls run at once unless `BUN_CONFIG_MAX_HTTP_REQUESTS` was set when the process began.
 */
export const createFetchTransport =
  (settings: FetchSettings = {}): Transport =>
  async (call) => {
    readAddress(call.url)
    checkHeaders(call.headers)
    if (call.signal.aborted) throw abortFailure(call.signal)
    const proxy = settings.proxyFor?.(call.url)
    const response = await fetch(call.url, {
      method: call.method,
      headers: { 'accept-encoding': 'identity', ...call.headers },
      ...(call.body !== undefined && { body: call.body as Uint8Array<ArrayBuffer> }),
      redirect: 'manual',
      decompress: false,
      // The gateway's own deadlines say how long silence may last.
      timeout: false,
      signal: abortSignalOf(call.signal),
      proxy: proxy === undefined ? false : { url: proxy, respectNoProxy: false },
      ...(settings.ca !== undefined && { tls: { ca: settings.ca } }),
    }).catch((error: unknown) => {
      throw failureOf(error, call, 'connect_failed')
    })
    return decodeReply({
      status: response.status,
      header: (name) => response.headers.get(name) ?? undefined,
      body: bodyOf(response, call),
    })
  }

const failureOf = (
  error: unknown,
  call: UpstreamCall,
  otherwise: 'connect_failed' | 'upstream_cut',
): Failure => {
  if (call.signal.aborted) return abortFailure(call.signal)
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
  const what = codes[code] ?? otherwise
  const address = new URL(call.url).origin
  return new Failure(what, { message: `The call to ${address} failed (${code}).`, address }, { cause: error })
}

const bodyOf = (response: Response, call: UpstreamCall): ByteSource => {
  const reader = response.body?.getReader()
  let cancelled = false
  const body: ByteSource = {
    async read() {
      if (cancelled) throw new Failure('client_left', 'Reading the answer was given up.')
      if (call.signal.aborted) throw abortFailure(call.signal)
      try {
        const part = await reader?.read()
        return part?.value
      } catch (error) {
        throw failureOf(error, call, 'upstream_cut')
      }
    },
    all: (limitBytes) => readAll(body, limitBytes),
    cancel() {
      cancelled = true
      reader?.cancel().catch(() => {})
    },
  }
  return body
}
