import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { Failure, type FailureCode } from '../core/failure.ts'
import type { Transport, UpstreamCall } from '../core/send.ts'
import { createFetchTransport } from './fetch.ts'
import { type RawAnswer, RawServer } from '../testing/raw-server.ts'
import { createSocketTransport } from './socket.ts'

const sockets = createSocketTransport()
afterAll(() => sockets.close())

const contract: readonly (readonly [string, Transport])[] = [
  ['the socket transport', sockets],
  ['the fetch transport', createFetchTransport()],
]

const callTo = (url: string, more: Partial<UpstreamCall> = {}): UpstreamCall => ({
  method: 'POST',
  url,
  headers: {},
  ...(more.method !== 'GET' && { body: Buffer.from('ask') }),
  signal: new AbortController().signal,
  connectTimeoutMs: 2000,
  ...more,
})

const codeOf = async (outcome: Promise<unknown>): Promise<FailureCode | 'passed'> => {
  try {
    await outcome
    return 'passed'
  } catch (error) {
    if (error instanceof Failure) return error.code
    throw error
  }
}

const textOf = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString()

describe.each(contract)('%s', (name, transport) => {
  let upstream: ReturnType<typeof Bun.serve>
  const redirected: string[] = []

  beforeAll(() => {
    const encoders = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync, zstd: zstdCompressSync }
    upstream = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      routes: {
        '/whole': () => new Response('hello', { headers: { 'x-seen': 'yes' } }),
        '/echo': async (request) => new Response(await request.bytes()),
        '/headers': (request) => Response.json(Object.fromEntries(request.headers)),
        '/none': () => new Response(null, { status: 204 }),
        '/away': () => new Response('moved', { status: 307, headers: { location: '/landed' } }),
        '/landed': (request) => {
          redirected.push(request.url)
          return new Response('landed')
        },
        '/encoded/:how': (request) => {
          const how = request.params.how as keyof typeof encoders
          const bytes = encoders[how](Buffer.from('squeezed '.repeat(1000)))
          return new Response(bytes, { headers: { 'content-encoding': how } })
        },
      },
    })
  })
  afterAll(() => upstream.stop(true))

  const at = (path: string): string => `http://127.0.0.1:${upstream.port}${path}`

  test('brings status, headers and body', async () => {
    const reply = await transport(callTo(at('/whole'), { method: 'GET' }))
    expect(reply.status).toBe(200)
    expect(reply.header('x-seen')).toBe('yes')
    expect(reply.header('x-unseen')).toBeUndefined()
    expect(textOf(await reply.body.all(5))).toBe('hello')
  })

  test('carries a binary body of 3 MB there and back byte for byte', async () => {
    const body = crypto.getRandomValues(new Uint8Array(64 * 1024))
    const large = Buffer.concat(Array.from({ length: 48 }, () => body))
    const reply = await transport(callTo(at('/echo'), { body: large }))
    expect(Buffer.from(await reply.body.all(large.length)).equals(large)).toBe(true)
  })

  test('asks for no content encoding, and with the host of the address', async () => {
    const reply = await transport(callTo(at('/headers')))
    const headers = JSON.parse(textOf(await reply.body.all(10_000))) as Record<string, string>
    expect(headers['accept-encoding']).toBe('identity')
    expect(headers['host']).toBe(`127.0.0.1:${upstream.port}`)
    expect(headers['content-length']).toBe('3')
  })

  test('knows an answer without a body', async () => {
    const reply = await transport(callTo(at('/none')))
    expect([reply.status, await reply.body.read()]).toEqual([204, undefined])
  })

  test('follows no redirect', async () => {
    const reply = await transport(callTo(at('/away')))
    expect(reply.status).toBe(307)
    expect(textOf(await reply.body.all(100))).toBe('moved')
    expect(redirected).toEqual([])
  })

  test.each(['gzip', 'deflate', 'br', 'zstd'])('undoes %s', async (how) => {
    const reply = await transport(callTo(at(`/encoded/${how}`), { headers: { 'accept-encoding': how } }))
    expect(textOf(await reply.body.all(10_000))).toBe('squeezed '.repeat(1000))
    expect(reply.header('content-encoding')).toBeUndefined()
  })

  test('counts decoded bytes against the limit', async () => {
    const reply = await transport(callTo(at('/encoded/gzip'), { headers: { 'accept-encoding': 'gzip' } }))
    expect(await codeOf(reply.body.all(8999))).toBe('upstream_too_large')
  })

  test('refuses a header that would begin a new line', async () => {
    expect(await codeOf(transport(callTo(at('/echo'), { headers: { a: 'b\r\nc: d' } })))).toBe('bad_request')
    expect(await codeOf(transport(callTo(at('/a\r\nb'))))).toBe('bad_request')
  })

  test('tells a refused connection', async () => {
    const gone = await RawServer.start(() => {})
    gone.stop()
    expect(await codeOf(transport(callTo(gone.url)))).toBe('connect_failed')
  })

  test('reads a chunked answer that comes byte by byte', async () => {
    const wire =
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nx: y\r\n\r\n'
    using server = serving(async (socket) => {
      for (const byte of Buffer.from(wire)) {
        socket.write(Uint8Array.of(byte))
        await new Promise((resolve) => setImmediate(resolve))
      }
    })
    const reply = await transport(callTo((await server.ready).url))
    expect(textOf(await reply.body.all(100))).toBe('hello world')
  })

  test('hands over a piece before the next is sent', async () => {
    const read = Promise.withResolvers<void>()
    using server = serving(async (socket) => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n')
      await read.promise
      socket.write('3\r\ntwo\r\n0\r\n\r\n')
    })
    const reply = await transport(callTo((await server.ready).url))
    expect(textOf(await reply.body.read())).toBe('one')
    read.resolve()
    expect(textOf(await reply.body.all(100))).toBe('two')
  })

  test('reads to the close where nothing else ends the body', async () => {
    using server = serving((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nuntil the end'))
    const reply = await transport(callTo((await server.ready).url))
    expect(textOf(await reply.body.all(100))).toBe('until the end')
  })

  test.each([
    ['a length', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello'],
    ['chunks', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n'],
  ])('tells that a body with %s was cut', async (_what, wire) => {
    using server = serving((socket) => socket.end(wire))
    const reply = await transport(callTo((await server.ready).url))
    expect(await codeOf(reply.body.all(1000))).toBe('upstream_cut')
  })

  test('tells a close before any answer', async () => {
    using server = serving((socket) => socket.destroy())
    expect(await codeOf(transport(callTo((await server.ready).url)))).toBe('upstream_cut')
  })

  test('tells an answer that is not HTTP', async () => {
    using server = serving((socket) => socket.end('220 mail.example ESMTP\r\n\r\n'))
    expect(await codeOf(transport(callTo((await server.ready).url)))).toBe('upstream_invalid')
  })

  test('refuses an unknown content encoding', async () => {
    using server = serving((socket) =>
      socket.write('HTTP/1.1 200 OK\r\ncontent-encoding: rot13\r\ncontent-length: 1\r\n\r\nx'),
    )
    expect(await codeOf(transport(callTo((await server.ready).url)))).toBe('upstream_invalid')
  })

  test.each([
    ['garbage', Buffer.from('garbage')],
    ['half of it', gzipSync('hello hello hello').subarray(0, 15)],
  ])('tells a gzip body that is %s', async (_what, bytes) => {
    using server = serving((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: ${bytes.length}\r\n\r\n`)
      socket.write(bytes)
    })
    const reply = await transport(callTo((await server.ready).url))
    expect(await codeOf(reply.body.all(100))).toBe('upstream_invalid')
  })

  test('does not call when the signal has fired already', async () => {
    using server = serving((socket) => socket.end())
    const { url } = await server.ready
    expect(await codeOf(transport(callTo(url, { signal: AbortSignal.abort() })))).toBe('client_left')
    expect((await server.ready).opened).toBe(0)
  })

  test('closes the connection when the signal fires while it waits for an answer', async () => {
    const stop = new AbortController()
    using server = serving(() => stop.abort(new Failure('first_event_timeout', 'too late')))
    const raw = await server.ready
    expect(await codeOf(transport(callTo(raw.url, { signal: stop.signal })))).toBe('first_event_timeout')
    await raw.closed()
  })

  test('closes the connection when the signal fires in the middle of the body', async () => {
    const stop = new AbortController()
    using server = serving((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello'))
    const raw = await server.ready
    const reply = await transport(callTo(raw.url, { signal: stop.signal }))
    expect(textOf(await reply.body.read())).toBe('hello')
    const next = codeOf(reply.body.read())
    stop.abort()
    expect(await next).toBe('client_left')
    await raw.closed()
  })

  test('closes the connection when the signal fires over unread bytes', async () => {
    const stop = new AbortController()
    using server = serving((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello'))
    const raw = await server.ready
    const reply = await transport(callTo(raw.url, { signal: stop.signal }))
    stop.abort()
    await raw.closed()
    expect(await codeOf(reply.body.read())).toBe('client_left')
  })

  test('closes the connection when the reader gives up', async () => {
    using server = serving((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello'))
    const raw = await server.ready
    const reply = await transport(callTo(raw.url))
    reply.body.cancel()
    reply.body.cancel()
    await raw.closed()
    expect(await codeOf(reply.body.read())).toBe('client_left')
  })

  test('closes the connection of an answer that is too large', async () => {
    using server = serving((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello'))
    const raw = await server.ready
    const reply = await transport(callTo(raw.url))
    expect(await codeOf(reply.body.all(4))).toBe('upstream_too_large')
    await raw.closed()
  })

  test(`${name} survives arbitrary bytes from the upstream`, async () => {
    const junk = [
      '',
      '\r\n\r\n',
      'HTTP/1.1 200 OK\r\n',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
    ]
    for (const bytes of [...junk, Buffer.from(crypto.getRandomValues(new Uint8Array(500)))]) {
      using server = serving((socket) => socket.end(bytes))
      const { url } = await server.ready
      const code = await codeOf(transport(callTo(url)).then(({ body }) => body.all(1000)))
      expect(['upstream_cut', 'upstream_invalid']).toContain(code)
    }
  })
})

/** A raw server for the length of one test. */
const serving = (answer: RawAnswer) => {
  const ready = RawServer.start(answer)
  return { ready, [Symbol.dispose]: () => void ready.then((server) => server.stop()) }
}
