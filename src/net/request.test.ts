import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { Failure } from '../core/failure.ts'
import { readAddress } from './address.ts'
import { encodeRequest } from './request.ts'

const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 1000)
const { signal } = new AbortController()
const anyText = fc.uint16Array({ max: 0x2ff, maxLength: 30 }).map((codes) => String.fromCharCode(...codes))

const encode = (headers: Record<string, string>, body?: Uint8Array): string =>
  Buffer.concat(
    encodeRequest(
      { method: 'POST', url: '', headers, signal, connectTimeoutMs: 1, ...(body !== undefined && { body }) },
      'host:80',
      '/path',
    ),
  ).toString('latin1')

const codeOf = (act: () => unknown): string => {
  try {
    act()
    return 'passed'
  } catch (error) {
    if (error instanceof Failure) return error.code
    throw error
  }
}

test('a request has one host, one length, and asks for no encoding', () => {
  expect(encode({ 'x-a': 'b' }, Buffer.from('hello'))).toBe(
    'POST /path HTTP/1.1\r\nhost: host:80\r\nx-a: b\r\naccept-encoding: identity\r\ncontent-length: 5\r\n\r\nhello',
  )
})

test('an encoding that the call asks for is the one that is sent', () => {
  const wire = encode({ 'accept-encoding': 'gzip' })
  expect(wire).toContain('accept-encoding: gzip\r\n')
  expect(wire).not.toContain('identity')
})

test('no header can add a line to the request', () => {
  fc.assert(
    fc.property(
      anyText,
      fc.oneof(anyText, fc.string({ unit: fc.constantFrom('\r', '\n', 'a', ':', ' ', 'č') })),
      (name, value) => {
        const outcome = codeOf(() => {
          expect(encode({ [name]: value }).split(/[\r\n]+/)).toHaveLength(name === 'accept-encoding' ? 5 : 6)
        })
        expect(['passed', 'bad_request']).toContain(outcome)
      },
    ),
    { numRuns },
  )
  expect(codeOf(() => encode({ a: 'b\r\nx: y' }))).toBe('bad_request')
  expect(codeOf(() => encode({ 'a\r\nx': 'b' }))).toBe('bad_request')
})

test.each(['host', 'content-length', 'transfer-encoding', 'connection', 'upgrade', 'expect'])(
  'the header %s is not for callers to set',
  (name) => {
    expect(codeOf(() => encode({ [name]: '1' }))).toBe('bad_request')
  },
)

test.each([
  ['a line break in the path', 'http://h/a\r\nx: y'],
  ['a tab in the path', 'http://h/a\tb'],
  ['a blank in the path', 'http://h/a b'],
  ['a user name', 'http://user@h/'],
  ['a password', 'http://:secret@h/'],
  ['another scheme', 'ftp://h/'],
  ['no scheme', 'h:80/v1'],
  ['the port 0', 'http://h:0/'],
  ['no host', 'http://'],
])('an address with %s is refused', (_name, url) => {
  expect(codeOf(() => readAddress(url))).toBe('bad_request')
})

test.each([
  ['http://h/v1?x=1#frag', { hostname: 'h', port: 80, tls: false }, 'h', '/v1?x=1'],
  ['https://h', { hostname: 'h', port: 443, tls: true }, 'h', '/'],
  ['http://H:8000/', { hostname: 'h', port: 8000, tls: false }, 'h:8000', '/'],
  ['https://[::1]:8443/a', { hostname: '::1', port: 8443, tls: true }, '[::1]:8443', '/a'],
  ['http://h/ä', { hostname: 'h', port: 80, tls: false }, 'h', '/%C3%A4'],
])('the address %s is read', (url, origin, host, target) => {
  expect(readAddress(url)).toMatchObject({ origin, host, target })
})
