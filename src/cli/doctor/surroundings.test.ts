import { expect, test } from 'bun:test'

import { checkClock, checkHardware, checkProxy } from './surroundings.ts'

const machine = { platform: 'linux', arch: 'x64', cpu: 'Old', cores: 2, memoryBytes: 8e9, gpus: [] }

test('a CPU without the instructions of the prebuilt engines is told, with their names', () => {
  const [check] = checkHardware({ ...machine, cpuFlags: new Set(['sse4_2', 'fma', 'f16c']) })
  expect(check).toMatchObject({ level: 'fail', found: expect.stringContaining('avx2') })
})

test('a CPU that does not say what it can is not accused', () => {
  expect(checkHardware({ ...machine, cpuFlags: new Set() })[0]?.level).toBe('ok')
})

const now = Date.parse('2026-11-21T12:00:00Z')

test('a clock before this program was written is broken; one before the newest request is suspicious', () => {
  expect(checkClock(0, undefined).level).toBe('fail')
  expect(checkClock(now, now + 3_600_000).level).toBe('warn')
  expect(checkClock(now, now - 1).level).toBe('ok')
  expect(checkClock(now, undefined).level).toBe('ok')
})

test('a proxy that would catch calls to this machine is told, one that spares it is not', () => {
  expect(checkProxy({}).level).toBe('ok')
  expect(checkProxy({ HTTPS_PROXY: 'http://proxy:3128' }).level).toBe('ok')
  expect(checkProxy({ HTTP_PROXY: 'http://proxy:3128' }).level).toBe('warn')
  expect(checkProxy({ http_proxy: 'http://proxy:3128', NO_PROXY: 'corp.example, 127.0.0.1' }).level).toBe(
    'ok',
  )
  expect(checkProxy({ ALL_PROXY: 'socks5://proxy', no_proxy: '*' }).level).toBe('ok')
})
