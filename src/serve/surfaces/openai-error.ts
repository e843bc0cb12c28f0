import { isObject } from '../../core/is-object.ts'
import { Failure, type FailureCode } from '../../core/failure.ts'
import { JsonText } from '../../core/json.ts'
import type { Surface } from '../../core/surface.ts'

/** The body of an error as OpenAI's clients read it. An upstream's own error in this shape goes through as it came. */
export const openAiError: Surface['error'] = (failure) => upstreamError(failure) ?? ownError(failure)

function ownError({ code, status, message, help, facts }: Failure): string {
  const error = {
    message: `${message} ${help}`,
    type: typeOf(status),
    param: facts.param ?? null,
    code: knownCodes[code] ?? code,
  }
  return JSON.stringify({ error })
}

/** Codes that clients act on have OpenAI's names; all others are ours. */
const knownCodes: Partial<Record<FailureCode, string>> = {
  key_unknown: 'invalid_api_key',
  key_revoked: 'invalid_api_key',
  key_expired: 'invalid_api_key',
  model_unknown: 'model_not_found',
  upstream_not_found: 'model_not_found',
  rate_limited: 'rate_limit_exceeded',
  upstream_rate_limited: 'rate_limit_exceeded',
  context_exceeded: 'context_length_exceeded',
  previous_response_unknown: 'previous_response_not_found',
}

const types: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
}

const typeOf = (status: number): string =>
  types[status] ?? (status >= 500 ? 'server_error' : 'invalid_request_error')

/** Undefined when there is none, it is of another shape, or it speaks of our credentials and not the client's. */
function upstreamError({ code, facts }: Failure): string | undefined {
  if (facts.upstream === undefined || code === 'upstream_auth') return undefined
  try {
    const body = JsonText.parse(facts.upstream.body)
    const error = body.get('error')
    // Anthropic's errors have an `error` too, beside a `type`.
    if (!isObject(error) || typeof error['message'] !== 'string' || body.get('type') === 'error')
      return undefined
    return decoder.decode(body.edit(corrections(error, code)))
  } catch (thrown) {
    if (thrown instanceof Failure) return undefined
    throw thrown
  }
}

/** Engines send `code` as a number, and leave members out that clients expect; what clients act on they must find. */
function corrections(error: Record<string, unknown>, known: FailureCode) {
  const { type, param, code } = error
  const isTold = typeof code === 'string' || (code === null && known !== 'context_exceeded')
  return [
    ...(typeof type === 'string' ? [] : [{ path: ['error', 'type'], value: 'invalid_request_error' }]),
    ...(param === undefined ? [{ path: ['error', 'param'], value: null }] : []),
    ...(isTold ? [] : [{ path: ['error', 'code'], value: knownCodes[known] ?? known }]),
  ]
}

const decoder = new TextDecoder()
