import { expect, test } from 'bun:test'

import type { FailureCode } from '../../core/failure.ts'
import { failureInBody, retryAfterIn, upstreamFailure } from './upstream-failure.ts'

const now = Date.parse('2026-11-21T12:00:00Z')
const fail = (status: number, body: unknown) => {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return upstreamFailure(status, undefined, new TextEncoder().encode(text), now)
}

const openAi = (message: string, type: string, code: string | number | null = null) => ({
  error: { message, type, code, param: null },
})

/** What each upstream answers to a prompt that is too long. */
test.each<[string, number, unknown]>([
  [
    'OpenAI',
    400,
    openAi(
      "This model's maximum context length is 128000 tokens.",
      'invalid_request_error',
      'context_length_exceeded',
    ),
  ],
  [
    'vLLM',
    400,
    openAi(
      "This model's maximum context length is 2048 tokens. However, you requested 4000",
      'BadRequestError',
      400,
    ),
  ],
  [
    'vLLM, other words',
    400,
    openAi(
      'The decoder prompt (length 3000) is longer than the maximum model length of 2048.',
      'BadRequestError',
      400,
    ),
  ],
  [
    'SGLang',
    400,
    {
      object: 'error',
      message: "The input (9000 tokens) is longer than the model's context length (8192 tokens).",
      code: 400,
    },
  ],
  [
    'TGI',
    422,
    {
      error: 'Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096.',
      error_type: 'validation',
    },
  ],
  [
    'llama-server',
    400,
    openAi('the request exceeds the available context size', 'exceed_context_size_error', 400),
  ],
  [
    'llama-server, embeddings',
    500,
    openAi('input is too large to process. increase the physical batch size', 'server_error', 500),
  ],
  [
    'LM Studio',
    400,
    {
      error:
        'Trying to keep the first 5000 tokens, but the model is loaded with context length of only 4096 tokens.',
    },
  ],
  [
    'Anthropic',
    400,
    {
      type: 'error',
      error: { type: 'invalid_request_error', message: 'prompt is too long: 210000 tokens > 200000 maximum' },
    },
  ],
  [
    'Gemini',
    400,
    [
      {
        error: {
          code: 400,
          message: 'The input token count (2000000) exceeds the maximum number of tokens allowed (1048576).',
          status: 'INVALID_ARGUMENT',
        },
      },
    ],
  ],
])('a prompt that is too long for %s is told as such', (_name, status, body) => {
  expect(fail(status, body).code).toBe('context_exceeded')
})

test.each<[number, FailureCode]>([
  [400, 'upstream_rejected'],
  [401, 'upstream_auth'],
  [402, 'upstream_rate_limited'],
  [403, 'upstream_forbidden'],
  [404, 'upstream_not_found'],
  [408, 'upstream_rate_limited'],
  [413, 'upstream_rejected'],
  [422, 'upstream_rejected'],
  [424, 'upstream_failed'],
  [429, 'upstream_rate_limited'],
  [500, 'upstream_failed'],
  [503, 'upstream_overloaded'],
  [529, 'upstream_overloaded'],
  [302, 'upstream_invalid'],
])('status %i is %s', (status, code) => {
  expect(fail(status, openAi('no', 'some_error')).code).toBe(code)
})

test('the upstream’s own words are kept, and cut', () => {
  expect(fail(400, openAi('x'.repeat(900), 'a')).facts.message).toBe('x'.repeat(500))
  expect(fail(422, { error: 'text', error_type: 'validation' }).facts.message).toBe('text')
  expect(fail(422, { detail: 'why' }).facts.message).toBe('why')
  expect(fail(502, '<html>').facts.message).toBe('The backend answered with status 502.')
})

test('its body is kept as it came, for a client of the same dialect', () => {
  const failure = fail(400, '{"error": {"message" :"a"}}')
  expect(failure.facts.upstream).toEqual({
    status: 400,
    contentType: 'application/json',
    body: new TextEncoder().encode('{"error": {"message" :"a"}}'),
  })
})

test.each([
  ['2', 2000],
  ['1.5', 1500],
  ['250ms', 250],
  ['Sat, 21 Nov 2026 12:00:30 GMT', 30_000],
  ['Sat, 21 Nov 2026 11:00:00 GMT', 0],
  ['soon', undefined],
  [undefined, undefined],
])('retry-after %s means %d ms', (text, expected) => {
  expect(retryAfterIn(text, now)).toBe(expected)
})

test.each<[unknown, FailureCode]>([
  [{ code: 502, message: 'Provider disconnected' }, 'upstream_failed'],
  [{ code: 429, message: 'slow down' }, 'upstream_rate_limited'],
  [{ code: '429', message: 'slow down' }, 'upstream_rate_limited'],
  [{ type: 'overloaded_error', message: 'Overloaded' }, 'upstream_overloaded'],
  [{ type: 'authentication_error', message: 'no' }, 'upstream_auth'],
  [{ type: 'invalid_request_error', code: 'context_length_exceeded', message: 'no' }, 'context_exceeded'],
  [{ type: 'server_error', message: 'The server had an error' }, 'upstream_failed'],
  ['just text', 'upstream_failed'],
])('the error %j in a stream is %s', (error, code) => {
  const event = failureInBody(JSON.stringify({ error }), error)
  expect(event).toMatchObject({ type: 'failure', code })
})

test.each<[string, number, unknown, FailureCode]>([
  [
    'Azure’s filter',
    400,
    openAi(
      'The response was filtered due to the prompt triggering content management policy.',
      'invalid_request_error',
      'content_filter',
    ),
    'content_refused',
  ],
  [
    'a model without infill',
    501,
    openAi('Infill is not supported by this model: prefix token is missing.', 'not_supported_error', 501),
    'unsupported',
  ],
  [
    'TGI at its limit',
    429,
    { error: 'Model is overloaded', error_type: 'overloaded' },
    'upstream_overloaded',
  ],
  ['a vendor’s limit', 429, openAi('Slow down.', 'rate_limit_error'), 'upstream_rate_limited'],
])('%s is told as what it is', (_, status, body, code) => {
  expect(fail(status, body).code).toBe(code)
})
