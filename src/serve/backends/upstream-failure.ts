import type { ModelEvent } from '../../core/event.ts'
import { Failure } from '../../core/failure.ts'
import type { Facts, FailureCode } from '../../core/failure.ts'

const mostCharacters = 500

/** What an upstream says of its own mistake, in the one shape that all their shapes are read into. */
interface Complaint {
  readonly text: string
  /** `code` and `type`, joined. */
  readonly kind: string
  /** An HTTP status that stands in the body. */
  readonly status: number | undefined
}

/**
 * What a non-2xx reply means. What an upstream says of our credentials is for nobody’s eyes: it may quote them.
 * `retryAfter` is the header as it came: seconds, an HTTP date, or `…ms` where the
 * upstream gave `retry-after-ms`. `now`: milliseconds since the epoch.
 */
export function upstreamFailure(
  status: number,
  retryAfter: string | undefined,
  body: Uint8Array,
  now: number,
): Failure {
  const { value, isJson } = parse(decoder.decode(body))
  const complaint = complaintOf(value)
  const retryAfterMs = retryAfterIn(retryAfter, now)
  const code = codeOf(status, complaint)
  if (code === 'upstream_auth') return new Failure(code, `The backend answered with status ${status}.`)
  return new Failure(code, {
    message: complaint.text || `The backend answered with status ${status}.`,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    upstream: { status, contentType: isJson ? 'application/json' : undefined, body },
  })
}

/** An error that came under HTTP 200, in a stream or as the whole body. `error` is the error itself. */
export function failureInBody(text: string, error: unknown): ModelEvent {
  const complaint = complaintOf({ error })
  const status = complaint.status ?? statusOfKind(complaint.kind)
  const facts: Facts = {
    message: complaint.text || 'The backend failed while it answered.',
    upstream: { status, contentType: 'application/json', body: encoder.encode(text) },
  }
  return { type: 'failure', code: codeOf(status, complaint), facts }
}

function codeOf(status: number, { text, kind }: Complaint): FailureCode {
  if (overflowStatuses.has(status) && (overflowKinds.test(kind) || overflowTexts.test(text)))
    return 'context_exceeded'
  // llama-server answers 500 to an embedding input over its batch.
  if (status === 500 && /too large to process/i.test(text)) return 'context_exceeded'
  // llama-server says 500 to what a model without a projector was not made for, and to what it could not read.
  if (status === 500 && /(image|audio|video) input is not supported/i.test(text)) return 'unsupported'
  if (status === 500 && /\[json\.exception|Failed to parse|Unsupported param/i.test(text))
    return 'upstream_rejected'
  // What a model or a server was not made for: llama-server’s infill, its ranking.
  if (status === 501 || /not_supported_error/.test(kind)) return 'unsupported'
  // Azure, by its code or by the one inside.
  if (status === 400 && /content_filter|ResponsibleAIPolicyViolation/.test(kind)) return 'content_refused'
  if (status === 401) return 'upstream_auth'
  if (status === 403) return 'upstream_forbidden'
  if (status === 404) return 'upstream_not_found'
  // TGI has more calls than it takes.
  if (status === 429 && /overloaded/.test(kind)) return 'upstream_overloaded'
  // 402: the account is empty, OpenAI’s 429 `insufficient_quota`.
  if (status === 402 || status === 408 || status === 429) return 'upstream_rate_limited'
  if (status === 503 || status === 529) return 'upstream_overloaded'
  // TGI says 424 when the generation failed.
  if (status >= 500 || status === 424) return 'upstream_failed'
  return status >= 400 ? 'upstream_rejected' : 'upstream_invalid'
}

const overflowStatuses = new Set([400, 413, 422])

const overflowKinds = /context_length_exceeded|exceed_context_size/

/** vLLM, SGLang, TGI and Together, llama.cpp, LM Studio, Anthropic, Gemini, in this order. */
const overflowTexts = new RegExp(
  [
    'maximum context length|maximum model length',
    'longer than the model.s context|exceeds the model.s maximum context',
    '`inputs` (tokens \\+ `max_new_tokens` must be <=|must have less than)',
    'exceeds? the available context|exceed context|larger than the context',
    'context length of only|reached context length',
    'prompt is too long',
    'input token count .* exceeds the maximum',
  ].join('|'),
  'i',
)

/** Types of errors that come without a status: OpenAI’s and Anthropic’s. */
function statusOfKind(kind: string): number {
  for (const [pattern, status] of kindStatuses) if (pattern.test(kind)) return status
  return 500
}

const kindStatuses = [
  [/overload|unavailable/i, 503],
  [/rate_?limit|insufficient_quota/i, 429],
  [/authentication|permission|invalid_api_key/i, 401],
  [/not_?found/i, 404],
  [/invalid_request|bad_?request|context_length|exceed_context|request_too_large|content_filter/i, 400],
] as const

/**
 * `{error: {message, type, code}}`, `{error: "text"}`, `{error, error_type}` (TGI), `{message}`, `{detail}`, and
 * Gemini’s list of one.
 */
function complaintOf(value: unknown): Complaint {
  const [only = value] = Array.isArray(value) ? (value as unknown[]) : [value]
  if (typeof only !== 'object' || only === null) return { text: '', kind: '', status: undefined }
  const outer = only as Readonly<Record<string, unknown>>
  const inner = typeof outer['error'] === 'object' && outer['error'] !== null ? outer['error'] : outer
  const {
    message,
    detail,
    error,
    code,
    type,
    error_type: tgiType,
  } = inner as Readonly<Record<string, unknown>>
  const text = [message, error, detail].find((said) => typeof said === 'string') ?? ''
  const number = Number(code)
  return {
    text: text.slice(0, mostCharacters),
    kind: [code, type, tgiType].filter((word) => typeof word === 'string').join(' '),
    status: Number.isInteger(number) && number >= 400 && number < 600 ? number : undefined,
  }
}

/** Milliseconds to wait; undefined where nothing sensible is said. */
export function retryAfterIn(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined
  const [, digits, unit] = /^\s*(\d+(?:\.\d+)?)\s*(ms|s)?\s*$/.exec(text) ?? []
  if (digits !== undefined) return Math.ceil(Number(digits) * (unit === 'ms' ? 1 : 1000))
  const date = Date.parse(text)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

function parse(text: string): { readonly value: unknown; readonly isJson: boolean } {
  try {
    return { value: JSON.parse(text) as unknown, isJson: true }
  } catch {
    return { value: undefined, isJson: false }
  }
}

const decoder = new TextDecoder()
const encoder = new TextEncoder()
