import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'

import { Failure, failures, type FailureCode } from '../../core/failure.ts'
import { openAiError } from './openai-error.ts'

const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 1000)

interface OpenAiErrorBody {
  readonly error: {
    readonly message: string
    readonly type: string
    readonly param: string | null
    readonly code: string | null
  }
}
const read = (failure: Failure): OpenAiErrorBody['error'] =>
  (JSON.parse(openAiError(failure, 'r1')) as OpenAiErrorBody).error

const withUpstream = (body: string | Uint8Array, code: FailureCode = 'upstream_rejected'): Failure =>
  new Failure(code, {
    message: 'The backend said no.',
    upstream: {
      status: 400,
      contentType: 'application/json',
      body: typeof body === 'string' ? new TextEncoder().encode(body) : body,
    },
  })

describe('an error', () => {
  test('of every code has a type that fits its status, a code, and help', () => {
    const types: Record<number, string> = {
      400: 'invalid_request_error',
      401: 'authentication_error',
      403: 'permission_error',
      404: 'not_found_error',
      413: 'invalid_request_error',
      429: 'rate_limit_error',
      500: 'server_error',
      502: 'server_error',
      503: 'server_error',
      504: 'server_error',
    }
    for (const code of Object.keys(failures) as FailureCode[]) {
      const failure = new Failure(code, { message: 'It is so.', param: 'x' })
      const error = read(failure)
      const expected = types[failure.status]
      if (expected !== undefined) expect(error.type).toBe(expected)
      expect(error.code).toBeString()
      expect(error.param).toBe('x')
      expect(error.message).toBe(`It is so. ${failure.help}`)
    }
  })

  test('that clients act on has the code that they look for', () => {
    expect(read(new Failure('context_exceeded', 'Too long.')).code).toBe('context_length_exceeded')
    expect(read(new Failure('model_unknown', 'No such.')).code).toBe('model_not_found')
    expect(read(new Failure('key_revoked', 'No more.')).code).toBe('invalid_api_key')
    expect(read(new Failure('rate_limited', 'Slowly.')).code).toBe('rate_limit_exceeded')
    expect(read(new Failure('queue_full', 'Full.')).code).toBe('queue_full')
  })

  test('of an upstream in this shape goes through as it came, but for a code that clients cannot know', () => {
    const own =
      '{ "error": {"message":"no", "type":"t", "param":null, "code":"c", "more": 12345678901234567890} }'
    expect(openAiError(withUpstream(own), 'r1')).toBe(own)
    const engine =
      '{"error":{"code":400,"message":"too long","type":"exceed_context_size_error","n_ctx":4096}}'
    expect(JSON.parse(openAiError(withUpstream(engine), 'r1')) as unknown).toEqual({
      error: {
        code: 'upstream_rejected',
        message: 'too long',
        type: 'exceed_context_size_error',
        n_ctx: 4096,
        param: null,
      },
    })
    expect(read(withUpstream('{"error":{"message":"bare"}}'))).toEqual({
      message: 'bare',
      type: 'invalid_request_error',
      param: null,
      code: 'upstream_rejected',
    })
    expect(read(withUpstream(engine, 'context_exceeded')).code).toBe('context_length_exceeded')
    const silent = '{"error":{"message":"too long","type":"t","param":null,"code":null}}'
    expect(read(withUpstream(silent, 'context_exceeded')).code).toBe('context_length_exceeded')
  })

  test('of an upstream in another shape, or about our credentials, is told in our words', () => {
    const others = [
      '{"error":"text"}',
      '{"type":"error","error":{"type":"t","message":"no"}}',
      '<html>',
      '[]',
      '{"error":{}}',
    ]
    for (const body of others) expect(read(withUpstream(body)).code).toBe('upstream_rejected')
    const refused =
      '{"error":{"message":"Incorrect API key provided: sk-ours","type":"t","param":null,"code":"c"}}'
    expect(read(withUpstream(refused, 'upstream_auth')).message).not.toContain('sk-ours')
  })

  test('is JSON with a message, whatever the upstream sent', () => {
    const bytes = fc.oneof(
      fc.uint8Array(),
      fc.json().map((text) => new TextEncoder().encode(text)),
      fc.jsonValue().map((error) => new TextEncoder().encode(JSON.stringify({ error }))),
      fc
        .record({ message: fc.string(), type: fc.jsonValue(), param: fc.jsonValue(), code: fc.jsonValue() })
        .map((error) => new TextEncoder().encode(JSON.stringify({ error }))),
    )
    fc.assert(
      fc.property(bytes, (body) => {
        const { message, type, code } = read(withUpstream(body))
        expect([typeof message, typeof type]).toEqual(['string', 'string'])
        expect(code === null || typeof code === 'string').toBe(true)
      }),
      { numRuns },
    )
  })
})
