import { expect, test } from 'bun:test'

import { isInHouse, isLoopback } from './hosts.ts'

test.each([
  'localhost',
  'LOCALHOST.',
  'a.localhost',
  '127.0.0.1',
  '127.255.255.255',
  '::1',
  '[::1]',
  '0:0:0:0:0:0:0:1',
  '[::ffff:7f00:1]',
  '::ffff:127.0.0.1',
])('%s is this machine, and so in the house', (host) => {
  expect([isLoopback(host), isInHouse(host)]).toEqual([true, true])
})

test.each([
  'gpu1',
  'GPU1.Internal',
  'printer.local',
  'nas.lan.',
  'box.home.arpa',
  '0.0.0.0',
  '10.1.2.3',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '169.254.169.254',
  '100.64.0.1',
  '100.127.255.255',
  '[::]',
  '[fd00::1]',
  'fc00::1',
  '[fe80::1]',
  'fe80::1%eth0',
  '[febf::1]',
  '[::ffff:c0a8:101]',
])('%s is in the house, but not this machine', (host) => {
  expect([isLoopback(host), isInHouse(host)]).toEqual([false, true])
})

test.each([
  '',
  'example.com',
  '127.evil.example',
  '127.0.0.1.evil.example',
  '127.0.0.256',
  '127.0.0.01',
  '127.1',
  'localhost.example.com',
  'evil.example/.localhost',
  '10.evil.example',
  '10.0.0.0.1',
  '128.0.0.1',
  '172.32.0.1',
  '172.15.0.1',
  '192.169.1.1',
  '100.128.0.1',
  '100.63.0.1',
  'fd.example.com',
  '[2001:db8::1]',
  '[fd::1]',
  '[fec0::1]',
  '[::ffff:808:808]',
])('%s is outside', (host) => {
  expect([isLoopback(host), isInHouse(host)]).toEqual([false, false])
})
