import { expect, test } from 'bun:test'
import * as fc from 'fast-check'

import { noProxy } from './no-proxy.ts'

const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 1000)

test.each([
  ['*', 'api.example.com', true],
  ['a.test,*', '192.0.2.1', true],
  ['example.com', 'api.example.com', true],
  ['example.com', 'example.com', true],
  ['example.com', 'example.com.', true],
  ['example.com.', 'api.example.com', true],
  ['.example.com', 'example.com', true],
  ['*.example.com', 'api.example.com', true],
  ['a.test, api.example.com', 'api.example.com', true],
  ['a.test api.example.com', 'api.example.com', true],
  ['EXAMPLE.COM', 'api.example.com', true],
  ['api.example.com:443', 'api.example.com', true],
  ['api.example.com:8443', 'api.example.com', false],
  ['ample.com', 'api.example.com', false],
  ['example.com', 'example.com.evil.test', false],
  ['', 'api.example.com', false],
  [', ,', 'api.example.com', false],
  ['192.0.2.1', '192.0.2.1', true],
  ['192.0.2.0/24', '192.0.2.77', true],
  ['192.0.2.77/24', '192.0.2.1', true],
  ['192.0.2.0/24', '192.0.3.1', false],
  ['0.0.0.0/0', '203.0.113.9', true],
  ['192.0.2.0/33', '192.0.2.0', false],
  ['192.0.2.0/', '192.0.2.0', false],
  ['192.0.2.0/24/1', '192.0.2.0', false],
  ['0.2.1', '192.0.2.1', false],
  ['192.0.2.0/24', 'api.example.com', false],
  ['2001:db8::1', '[2001:db8::1]', true],
  ['2001:0db8:0:0::0001', '[2001:db8::1]', true],
  ['[2001:db8::1]', '[2001:db8::1]', true],
  ['[2001:db8::1]:443', '[2001:db8::1]', true],
  ['[2001:db8::1]:80', '[2001:db8::1]', false],
  ['2001:db8::/32', '[2001:db8:ffff::7]', true],
  ['2001:db8::/32', '[2001:db9::7]', false],
  ['2001:db8::/129', '[2001:db8::]', false],
  ['::/0', '192.0.2.1', false],
])('of %j, %j is an exception: %p', (list, hostname, exception) => {
  expect(noProxy(list)(hostname, '443')).toBe(exception)
})

const label = fc.stringMatching(/^[a-z\d]([a-z\d-]{0,6}[a-z\d])?$/).filter((text) => !/^\d+$/.test(text))
const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'))
const port = fc.constantFrom('443', '8443')
const separator = fc.constantFrom(',', ' ', ', ', ',,', '\t')

test('a name is an exception exactly when it is listed, or below one that is, whatever the spelling', () => {
  const spelling = fc.constantFrom(
    (text: string) => text,
    (text: string) => `.${text}`,
    (text: string) => `*.${text}`,
    (text: string) => `${text}.`,
    (text: string) => text.toUpperCase(),
  )
  const entry = fc.record({ name, spelling, port: fc.option(port, { nil: undefined }) })
  const below = fc.tuple(fc.nat(), fc.option(label, { nil: undefined }))
  fc.assert(
    fc.property(
      fc.array(entry, { maxLength: 4 }),
      separator,
      name,
      below,
      port,
      (list, between, other, at, asked) => {
        const [index, prefix] = at
        const listed = list[index % (list.length + 1)]?.name ?? other
        const host = prefix === undefined ? listed : `${prefix}.${listed}`
        const labels = host.split('.')
        const parents = new Set(labels.map((_, from) => labels.slice(from).join('.')))
        const expected = list.some((one) => parents.has(one.name) && (one.port ?? asked) === asked)
        const text = list
          .map((one) => one.spelling(one.name) + (one.port === undefined ? '' : `:${one.port}`))
          .join(between)
        expect(noProxy(text)(host, asked)).toBe(expected)
      },
    ),
    { numRuns },
  )
})

/** An address as a number, written out in full. */
const families = [
  {
    bits: 32,
    write: (value: bigint) => [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.'),
    host: (text: string) => text,
  },
  {
    bits: 128,
    write: (value: bigint) =>
      Array.from({ length: 8 }, (_, at) => ((value >> BigInt(112 - 16 * at)) & 0xffffn).toString(16)).join(
        ':',
      ),
    host: (text: string) => new URL(`http://[${text}]`).hostname,
  },
]

test('an address is an exception exactly when its first bits are those of a network', () => {
  const bigints = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n })
  fc.assert(
    fc.property(
      fc.constantFrom(...families),
      bigints,
      fc.nat(128),
      fc.nat(127),
      (family, any, length, flip) => {
        const size = BigInt(family.bits)
        const network = any & ((1n << size) - 1n)
        const prefix = length % (family.bits + 1)
        const address = network ^ (1n << BigInt(flip % family.bits))
        const rest = size - BigInt(prefix)
        const isException = noProxy(`${family.write(network)}/${prefix}`)
        expect(isException(family.host(family.write(network)), '443')).toBe(true)
        expect(isException(family.host(family.write(address)), '443')).toBe(
          address >> rest === network >> rest,
        )
      },
    ),
    { numRuns },
  )
})

test('any text is a list', () => {
  fc.assert(
    fc.property(fc.string(), fc.oneof(name, fc.string()), port, (list, host, asked) => {
      expect(typeof noProxy(list)(host, asked)).toBe('boolean')
    }),
    { numRuns },
  )
})
