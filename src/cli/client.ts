import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { Failure, failures, type Facts, type FailureCode } from '../core/failure.ts'
import { parseListen } from '../config/index.ts'
import { hashPrefixLength, hashSecret, proofOf } from '../protect/guard/keys.ts'
import { OpenAiReading } from '../serve/backends/openai-read.ts'
import { upstreamFailure } from '../serve/backends/upstream-failure.ts'
import { SseReader } from '../serve/stream/sse.ts'
import { listText, noSuch } from './names.ts'

/** A running inhouse, or anything that speaks OpenAI's dialect. */
export interface Endpoint {
  /** Without `/v1`. */
  readonly url: string
  readonly key: string | undefined
}

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}

export interface ChatRequest {
  readonly model: string
  readonly messages: readonly ChatMessage[]
  readonly max_tokens?: number
  readonly temperature?: number
}

/** Null: the server does not tell. */
export interface TokenCounts {
  readonly input: number | null
  readonly output: number | null
}

export type Piece =
  | { readonly type: 'text' | 'reasoning'; readonly text: string }
  | ({ readonly type: 'usage' } & TokenCounts)

export interface ChatAnswer {
  readonly requestId: string | undefined
  /** Who answers and why, in a line. */
  readonly decision: string | undefined
  readonly warning: string | undefined
  readonly pieces: AsyncIterable<Piece>
}

/** The address at which a server of this config is reached from here. */
export const urlOf = (listen: string): string => {
  const { host, port } = parseListen(listen)
  return reachedAt(host, port)
}

/** A server that listens on all addresses is reached from here at the loopback one. */
export const reachedAt = (host: string, port: number): string => {
  const reached = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host
  return `http://${reached.includes(':') ? `[${reached}]` : reached}:${port}`
}

/** `INHOUSE_KEY`, else the home's first key. */
export const readKey = async (home: string): Promise<string | undefined> => {
  const given = process.env['INHOUSE_KEY'] ?? ''
  if (given !== '') return given
  const kept = await readFile(join(home, 'key'), 'utf8').catch(() => '')
  return kept.trim() === '' ? undefined : kept.trim()
}

/**
 * True when it is an inhouse that takes requests, and knows the key where there is one: it has to show that before the
 * key is sent, which may be another program's that has the port by now.
 */
export const answers = async ({ url, key }: Endpoint): Promise<boolean> => {
  const nonce = randomBytes(16).toString('hex')
  const keyHash = key === undefined ? undefined : hashSecret(key)
  const asked = keyHash === undefined ? '' : `?key=${keyHash.slice(0, hashPrefixLength)}&nonce=${nonce}`
  try {
    const signal = AbortSignal.timeout(2000)
    const health = await call({ url, key: undefined }, `/health${asked}`, { signal })
    const body = (await health.json()) as { status?: unknown; version?: unknown; proof?: unknown }
    const isOurs = body.status === 'ok' && typeof body.version === 'string'
    return isOurs && (keyHash === undefined || body.proof === proofOf(keyHash, nonce))
  } catch {
    return false
  }
}

/** The names that a client may send. Throws `Failure`. */
export const modelNames = async (endpoint: Endpoint): Promise<string[]> => {
  const reply = await mustAnswer(endpoint, '/v1/models', {})
  const { data = [] } = (await reply.json()) as { data?: readonly { readonly id: string }[] }
  return data.map(({ id }) => id)
}

/** Asks for a stream. Throws `Failure` before or in it; the signal's reason when it is given up. */
export const startChat = async (
  endpoint: Endpoint,
  request: ChatRequest,
  signal?: AbortSignal,
): Promise<ChatAnswer> => {
  const body = JSON.stringify({ ...request, stream: true, stream_options: { include_usage: true } })
  const reply = await mustAnswer(endpoint, '/v1/chat/completions', {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json' },
    ...(signal !== undefined && { signal }),
  }).catch(async (thrown: unknown) => {
    const isUnknown = thrown instanceof Failure && thrown.code === 'model_unknown'
    throw isUnknown ? unknownModel(request.model, await modelNames(endpoint)) : thrown
  })
  const header = (name: string): string | undefined => reply.headers.get(`x-inhouse-${name}`) ?? undefined
  return {
    requestId: header('request-id'),
    decision: header('decision'),
    warning: header('warning'),
    pieces: piecesOf(reply),
  }
}

const unknownModel = (name: string, known: readonly string[]): Failure =>
  new Failure('model_unknown', {
    message: noSuch('model', name, known),
    help: known.length === 0 ? 'The server has none for this key.' : `The server has ${listText(known)}.`,
  })

async function* piecesOf(reply: Response): AsyncGenerator<Piece> {
  const reader = new SseReader(new OpenAiReading().message)
  for await (const bytes of reply.body ?? []) {
    for (const event of reader.push(bytes).flatMap((frame) => frame.events())) {
      if (event.type === 'text' || event.type === 'reasoning') yield { type: event.type, text: event.text }
      else if (event.type === 'usage') {
        const { input, output } = event.usage
        yield { type: 'usage', input: input?.tokens ?? null, output: output?.tokens ?? null }
      } else if (event.type === 'failure') throw failureOf(errorIn(event.facts), event.code)
      else if (event.type === 'end') return
    }
  }
  throw new Failure('upstream_cut', 'The answer ended before it was complete.')
}

/** What the server said in its stream, in its own words. */
const errorIn = ({ message, upstream }: Facts): ErrorBody => ({
  message,
  ...(upstream !== undefined && parsed(upstream.body).error),
})

/** An error body; empty where it is none. */
const parsed = (bytes: Uint8Array): { readonly error?: ErrorBody } => {
  try {
    const { error } = JSON.parse(new TextDecoder().decode(bytes)) as { error?: ErrorBody | string }
    if (typeof error === 'string') return { error: { message: error } }
    return error === undefined ? {} : { error }
  } catch {
    return {}
  }
}

/** Asks with the endpoint’s key. Throws `Failure`. */
export const mustAnswer = async (endpoint: Endpoint, path: string, init: RequestInit): Promise<Response> => {
  const reply = await call(endpoint, path, init).catch((cause: unknown) => {
    init.signal?.throwIfAborted()
    throw new Failure('server_unreachable', `Nobody answers at ${endpoint.url}.`, { cause })
  })
  if (reply.ok) return reply
  const bytes = await reply.bytes()
  const { error = {} } = parsed(bytes)
  const { status, headers } = reply
  // A backend was asked: what its own error means, not ours.
  const isItsOwn = headers.has('x-inhouse-backend')
  const otherwise = isItsOwn ? upstreamFailure(status, undefined, bytes, 0).code : standard[status]
  const said = error.message ?? `The server answered with status ${status}.`
  throw failureOf(
    { ...error, message: said },
    otherwise ?? (status >= 500 ? 'upstream_failed' : 'upstream_rejected'),
  )
}

/** Straight, whatever proxy the environment names: it is this machine or one in the house. */
const call = ({ url, key }: Endpoint, path: string, init: RequestInit): Promise<Response> => {
  const headers = new Headers(init.headers)
  if (key !== undefined) headers.set('authorization', `Bearer ${key}`)
  return fetch(`${url}${path}`, { ...init, headers, proxy: false, timeout: false } as RequestInit)
}

interface ErrorBody {
  readonly code?: string | null
  readonly message?: string
}

const standard: Readonly<Record<number, FailureCode>> = {
  401: 'key_unknown',
  404: 'model_unknown',
  429: 'rate_limited',
}

/** The server's error in our own words again: ours by its code; its message already ends with the help. */
const failureOf = ({ code, message = 'The answer failed.' }: ErrorBody, otherwise: FailureCode): Failure => {
  const isOurs = typeof code === 'string' && Object.hasOwn(failures, code)
  const known = isOurs ? (code as FailureCode) : otherwise
  const { help } = failures[known]
  return new Failure(known, message.endsWith(help) ? message.slice(0, -help.length).trimEnd() : message)
}
