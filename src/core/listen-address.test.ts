import { expect, test } from 'bun:test'

import { listenAddress } from './listen-address.ts'

test('an address to listen on is a host and a port', () => {
  expect(listenAddress('127.0.0.1:4141')).toEqual({ host: '127.0.0.1', port: 4141 })
  expect(listenAddress('[::1]:0')).toEqual({ host: '::1', port: 0 })
  expect(listenAddress('gpu-1.internal:65535')).toEqual({ host: 'gpu-1.internal', port: 65_535 })
})

test.each([
  '4141',
  ':4141',
  '[]:1',
  '::1:4141',
  '[fe80::1%eth0]:1',
  'a%eth0:1',
  'a b:1',
  'a:65536',
  'a:',
  'http://a:1',
])('%p is none', (text) => {
  expect(listenAddress(text)).toBeUndefined()
})
