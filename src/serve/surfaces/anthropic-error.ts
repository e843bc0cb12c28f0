import { isObject } from '../../core/is-object.ts'
import { Failure } from '../../core/failure.ts'
import { JsonText } from '../../core/json.ts'
import type { Surface } from '../../core/surface.ts'

/** The body of an error as Anthropic’s clients read it. An upstream’s own error in this shape goes through byte for byte. */
export const anthropicError: Surface['error'] = (failure, requestId) => {
  const upstream = ownShape(failure)
  return upstream === undefined ? errorOf(failure, requestId) : decoder.decode(upstream.body)
}

/** Anthropic says 529 where others say 503; its own status travels with its own error. */
export const anthropicStatus = (failure: Failure): number => {
  const status = ownShape(failure)?.status ?? failure.status
  return status === 503 ? 529 : status
}

function errorOf({ code, status, message, help, facts: { param } }: Failure, requestId: string): string {
  // Clients look for these words before they shorten a chat and ask again.
  const before = code === 'context_exceeded' ? 'prompt is too long: ' : ''
  return JSON.stringify({
    type: 'error',
    error: {
      type: types[status] ?? (status >= 500 ? 'api_error' : 'invalid_request_error'),
      message: `${before}${message} ${help}`,
      details: { error_code: code, ...(param !== undefined && { param }) },
    },
    request_id: requestId,
  })
}

const types: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  408: 'timeout_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  503: 'overloaded_error',
  504: 'timeout_error',
}

/** The upstream’s error; undefined where there is none, it is of another shape, or it speaks of our credentials. */
function ownShape({ code, facts: { upstream } }: Failure): typeof upstream {
  if (upstream === undefined || code === 'upstream_auth') return undefined
  try {
    const body = JsonText.parse(upstream.body)
    const error = body.get('error')
    const isOurs = body.get('type') === 'error' && isObject(error)
    return isOurs && typeof error['type'] === 'string' && typeof error['message'] === 'string'
      ? upstream
      : undefined
  } catch (thrown) {
    if (thrown instanceof Failure) return undefined
    throw thrown
  }
}

const decoder = new TextDecoder()
