import { describe, expect, test } from 'bun:test'
import { once } from 'node:events'
import net from 'node:net'
import { Failure } from '../core/failure.ts'
import { createTransport } from './index.ts'
import { proxyFromEnvironment } from './proxy.ts'

describe('the environment', () => {
  const proxied = (env: Record<string, string>, url: string) => proxyFromEnvironment(env)?.(url)

  test('without HTTPS_PROXY names no proxy', () => {
    expect(proxyFromEnvironment({ HTTP_PROXY: 'http://p:1', NO_PROXY: '*' })).toBeUndefined()
    expect(proxyFromEnvironment({ HTTPS_PROXY: '' })).toBeUndefined()
  })

  test('names a proxy in either case, with or without a scheme', () => {
    expect(proxied({ HTTPS_PROXY: 'http://p:3128' }, 'https://example.com')).toBe('http://p:3128/')
    expect(proxied({ https_proxy: 'p:3128' }, 'https://example.com')).toBe('http://p:3128/')
  })

  test('asks no proxy for what NO_PROXY names, and the lower case comes first', () => {
    const env = { HTTPS_PROXY: 'http://upper:1', NO_PROXY: 'example.com' }
    expect(proxied(env, 'https://api.example.com/v1')).toBeUndefined()
    expect(proxied(env, 'https://other.test/v1')).toBe('http://upper:1/')
    const both = { ...env, https_proxy: 'http://lower:1', no_proxy: 'other.test' }
    expect(proxied(both, 'https://api.example.com/v1')).toBe('http://lower:1/')
    expect(proxied(both, 'https://other.test:8443')).toBeUndefined()
  })

  test('names ALL_PROXY where there is no other, unless it is a SOCKS proxy', () => {
    expect(proxied({ ALL_PROXY: 'http://all:1' }, 'https://example.com')).toBe('http://all:1/')
    expect(proxied({ ALL_PROXY: 'http://all:1', HTTPS_PROXY: 'p:2' }, 'https://example.com')).toBe(
      'http://p:2/',
    )
    expect(proxyFromEnvironment({ all_proxy: 'socks5://all:1' })).toBeUndefined()
  })

  test('with a proxy that is no address is refused', () => {
    expect(() => proxyFromEnvironment({ HTTPS_PROXY: 'socks5://p:1' })).toThrow(Failure)
  })
})

describe('a transport with a proxy', () => {
  /** A proxy that refuses every tunnel, and remembers who was asked for. */
  const startProxy = async () => {
    const asked: string[] = []
    const server = net.createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', (bytes) => {
        asked.push(bytes.toString().split('\r\n')[0] ?? '')
        socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n')
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`
    return { asked, url, [Symbol.dispose]: () => void server.close() }
  }

  const get = async (transport: ReturnType<typeof createTransport>, url: string) => {
    const { signal } = new AbortController()
    try {
      return (await transport({ method: 'GET', url, headers: {}, signal, connectTimeoutMs: 1000 })).status
    } catch (error) {
      if (error instanceof Failure) return error.code
      throw error
    }
  }

  test('asks it for a host outside', async () => {
    using proxy = await startProxy()
    const transport = createTransport({ proxyFor: () => proxy.url })
    await get(transport, 'https://api.example.com/v1')
    expect(proxy.asked).toEqual(['CONNECT api.example.com:443 HTTP/1.1'])
  })

  test.each(['https://127.0.0.1:1/', 'https://localhost:1/', 'https://[::1]:1/', 'http://nowhere.invalid/'])(
    'never asks it for %s',
    async (url) => {
      using proxy = await startProxy()
      const transport = createTransport({ proxyFor: () => proxy.url })
      expect(await get(transport, url)).toBe('connect_failed')
      expect(proxy.asked).toEqual([])
    },
  )
})
