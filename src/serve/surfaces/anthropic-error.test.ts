import { describe, expect, test } from 'bun:test'

import { Failure, failures, type FailureCode } from '../../core/failure.ts'
import { anthropicError, anthropicStatus } from './anthropic-error.ts'

const read = (failure: Failure) =>
  JSON.parse(anthropicError(failure, 'r1')) as { error: { type: string; message: string } }

const withUpstream = (text: string, code: FailureCode, status: number): Failure =>
  new Failure(code, {
    message: 'The backend said no.',
    upstream: { status, contentType: 'application/json', body: new TextEncoder().encode(text) },
  })

describe('an error', () => {
  test('of every code has a type that fits its status, the code, and help', () => {
    const types: Record<number, string> = {
      400: 'invalid_request_error',
      401: 'authentication_error',
      403: 'permission_error',
      404: 'not_found_error',
      413: 'request_too_large',
      429: 'rate_limit_error',
      500: 'api_error',
      502: 'api_error',
      504: 'timeout_error',
      529: 'overloaded_error',
    }
    for (const code of Object.keys(failures) as FailureCode[]) {
      const failure = new Failure(code, { message: 'It is so.', param: 'x' })
      const body = read(failure)
      expect(body).toMatchObject({ type: 'error', error: { details: { error_code: code, param: 'x' } } })
      expect(body).toHaveProperty('request_id', 'r1')
      expect(body.error.message).toEndWith(`It is so. ${failure.help}`)
      const expected = types[anthropicStatus(failure)]
      if (expected !== undefined) expect(body.error.type).toBe(expected)
    }
  })

  test('of a prompt that is too long has the words that clients look for', () => {
    expect(read(new Failure('context_exceeded', 'Too long.')).error.message).toStartWith(
      'prompt is too long: ',
    )
  })

  test('of Anthropic’s own goes through byte for byte, with its status', () => {
    const text =
      '{"type":"error", "error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}'
    const failure = withUpstream(text, 'upstream_overloaded', 529)
    expect(anthropicError(failure, 'r1')).toBe(text)
    expect(anthropicStatus(failure)).toBe(529)
    const large = '{"type":"error","error":{"type":"request_too_large","message":"Too large"}}'
    expect(anthropicStatus(withUpstream(large, 'upstream_rejected', 413))).toBe(413)
  })

  test.each([
    '{"error":{"type":"x","message":"of another dialect"}}',
    '{"type":"error","error":"no object"}',
    '<html>',
    '{"type":"error","error":{"type":"x","message":"y"},"type":"error"}',
  ])('of another shape is written anew: %s', (text) => {
    expect(read(withUpstream(text, 'upstream_rejected', 400)).error.message).toStartWith(
      'The backend said no.',
    )
  })

  test('about our own credentials is never shown', () => {
    const text = '{"type":"error","error":{"type":"authentication_error","message":"key sk-1 is wrong"}}'
    expect(anthropicError(withUpstream(text, 'upstream_auth', 401), 'r1')).not.toContain('sk-1')
  })
})
