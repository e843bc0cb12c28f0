import { describe, expect, test } from 'bun:test'
import { getEventListeners } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Failure, type FailureCode } from '../core/failure.ts'
import type { UpstreamCall } from '../core/send.ts'
import { localhostCertificate, RawServer } from '../testing/raw-server.ts'
import { createSocketTransport, type SocketSettings } from './socket.ts'

const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

/** A raw server and a transport for the length of one test. */
const setUp = async (
  answer: (socket: net.Socket, server: RawServer) => void,
  {
    server = {},
    client = {},
  }: { server?: Parameters<typeof RawServer.start>[1]; client?: SocketSettings } = {},
) => {
  const raw = await RawServer.start(answer, server)
  const transport = createSocketTransport(client)
  const call = (more: Partial<UpstreamCall> = {}) =>
    transport({
      method: 'POST',
      url: raw.url,
      headers: {},
      signal: new AbortController().signal,
      connectTimeoutMs: 5000,
      ...more,
    })
  return {
    raw,
    transport,
    call,
    /** A call with its whole body as text. */
    ask: async (more: Partial<UpstreamCall> = {}) => {
      const { body } = await call(more)
      return Buffer.from(await body.all(1e9)).toString()
    },
    [Symbol.dispose]: () => {
      transport.close()
      raw.stop()
    },
  }
}

const messageOf = (outcome: Promise<unknown>): Promise<string> =>
  outcome.then(
    () => 'passed',
    (error: unknown) => String(error),
  )

const codeOf = async (outcome: Promise<unknown>): Promise<FailureCode | 'passed'> => {
  try {
    await outcome
    return 'passed'
  } catch (error) {
    if (error instanceof Failure) return error.code
    throw error
  }
}

const chunkedOk = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'

test('a server that closes a moment after each chunked answer, as llama-server does, loses no call', async () => {
  for (const lateMs of [0, 5, 40]) {
    const answered = new Set<net.Socket>()
    using setup = await setUp((socket) => {
      // What comes after the answer is never read.
      if (answered.has(socket)) return
      answered.add(socket)
      socket.write(chunkedOk)
      setTimeout(() => socket.end(), lateMs)
    })
    for (let i = 0; i < 6; i++) {
      expect(await setup.ask()).toBe('ok')
      // Later than any rest, the close has been seen.
      if (i === 0) await setup.raw.closed()
    }
  }
})

test('a connection is used again after a chunked answer, when it has rested', async () => {
  using setup = await setUp((socket) => socket.write(chunkedOk))
  await setup.ask()
  await setup.ask()
  expect(setup.raw.opened).toBe(2)
  await Bun.sleep(60)
  await setup.ask()
  expect(setup.raw.opened).toBe(2)
})

describe('a kept connection', () => {
  test('carries the next call', async () => {
    using up = await setUp((socket) => socket.write(ok))
    for (let nth = 0; nth < 5; nth += 1) expect(await up.ask()).toBe('ok')
    expect(up.raw.opened).toBe(1)
  })

  test('is the one that was used last', async () => {
    const ports: (number | undefined)[] = []
    const waiting: net.Socket[] = []
    using up = await setUp((socket) => {
      ports.push(socket.remotePort)
      if (ports.length > 2) socket.write(ok)
      else waiting.push(socket)
      if (ports.length === 2) for (const other of waiting) other.write(ok)
    })
    await Promise.all([up.ask(), up.ask()])
    await up.ask()
    await up.ask()
    expect(up.raw.opened).toBe(2)
    expect(ports[2]).toBe(ports[3])
  })

  test.each([
    ['the server says close', 'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok'],
    ['bytes follow the answer', `${ok}more`],
    [
      'the server keeps it a second only',
      'HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 2\r\n\r\nok',
    ],
    ['the server speaks HTTP/1.0', 'HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok'],
  ])('is not made where %s', async (_why, wire) => {
    using up = await setUp((socket) => socket.write(wire))
    await up.ask()
    await up.raw.closed()
    await up.ask()
    expect(up.raw.opened).toBe(2)
  })

  test('is closed when bytes come that nobody asked for', async () => {
    let last: net.Socket | undefined
    using up = await setUp((socket) => {
      last = socket
      socket.write(ok)
    })
    await up.ask()
    last?.write('HTTP/1.1 408 Request Timeout\r\n\r\n')
    await up.raw.closed()
    expect(await up.ask()).toBe('ok')
    expect(up.raw.opened).toBe(2)
  })

  test('is not used past its idle time, even where no timer could run in between', async () => {
    using up = await setUp((socket) => socket.write(ok), { client: { idleMs: 20 } })
    await up.ask()
    Bun.sleepSync(30)
    await up.ask()
    expect(up.raw.opened).toBe(2)
  })

  test('that the server closes is not used again', async () => {
    using up = await setUp((socket) => {
      socket.write(ok)
      setImmediate(() => socket.end())
    })
    await up.ask()
    await up.raw.closed()
    expect(await up.ask()).toBe('ok')
  })

  test('is closed after its idle time', async () => {
    using up = await setUp((socket) => socket.write(ok), { client: { idleMs: 20 } })
    await up.ask()
    await up.raw.closed()
    expect(up.raw.open).toBe(0)
  })

  test('is closed with the transport, and none is kept after that', async () => {
    using up = await setUp((socket) => socket.write(ok))
    await up.ask()
    up.transport.close()
    await up.raw.closed()
    await up.ask()
    await up.raw.closed()
    expect(up.raw.open).toBe(0)
  })

  test('is one of a bounded number', async () => {
    const waiting: net.Socket[] = []
    using up = await setUp(
      (socket) => {
        waiting.push(socket)
        if (waiting.length === 3) for (const each of waiting) each.write(ok)
      },
      { client: { idlePerOrigin: 2 } },
    )
    await Promise.all([up.ask(), up.ask(), up.ask()])
    await up.raw.closed()
    expect(up.raw.open).toBe(2)
  })

  test('does not outlive an answer that was not read to its end', async () => {
    using up = await setUp((socket) => {
      socket.write(up.raw.requests.length === 1 ? 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe' : ok)
    })
    const reply = await up.call()
    reply.body.cancel()
    await up.raw.closed()
    expect(await up.ask()).toBe('ok')
    expect(up.raw.opened).toBe(2)
  })
})

describe('a kept connection that turns out dead', () => {
  /** Answers the first request of each connection and hangs up on the second. */
  const oncePerConnection = () => {
    const seen = new WeakSet<net.Socket>()
    return (socket: net.Socket) => {
      if (seen.has(socket)) socket.destroy()
      else socket.write(ok)
      seen.add(socket)
    }
  }

  test('lets a GET be sent again on a fresh one', async () => {
    using up = await setUp(oncePerConnection())
    expect(await up.ask({ method: 'GET' })).toBe('ok')
    expect(await up.ask({ method: 'GET' })).toBe('ok')
    expect(up.raw.opened).toBe(2)
    expect(up.raw.requests).toHaveLength(3)
  })

  test('does not let a POST run twice that the server has whole', async () => {
    using up = await setUp(oncePerConnection())
    expect(await up.ask()).toBe('ok')
    expect(await codeOf(up.ask())).toBe('upstream_cut')
    expect(up.raw.requests).toHaveLength(2)
  })

  test('lets a POST be sent again of which a part never left', async () => {
    const body = new Uint8Array(32 * 1024 * 1024)
    using up = await setUp((socket) => {
      socket.write(ok)
      // The next request's first bytes meet a server that hangs up without reading on.
      if (up.raw.opened === 1) socket.once('data', () => socket.resetAndDestroy())
    })
    expect(await up.ask()).toBe('ok')
    expect(await up.ask({ body })).toBe('ok')
    expect(up.raw.opened).toBe(2)
    expect(up.raw.requests).toHaveLength(2)
  })

  test('is replaced once, not for ever', async () => {
    using up = await setUp((socket, { requests }) => {
      if (requests.length === 1) socket.write(ok)
      else socket.destroy()
    })
    expect(await up.ask({ method: 'GET' })).toBe('ok')
    expect(await codeOf(up.ask({ method: 'GET' }))).toBe('upstream_cut')
    expect(up.raw.requests).toHaveLength(3)
  })

  test('is not replaced once a byte of the answer came', async () => {
    using up = await setUp((socket, { requests }) => {
      if (requests.length === 1) socket.write(ok)
      else socket.end('H')
    })
    expect(await up.ask({ method: 'GET' })).toBe('ok')
    expect(await codeOf(up.ask({ method: 'GET' }))).toBe('upstream_cut')
    expect(up.raw.requests).toHaveLength(2)
  })
})

describe('a signal', () => {
  test('leaves no listener behind, however the call ends', async () => {
    using up = await setUp((socket, { requests }) => {
      const path = requests.at(-1)?.split(' ')[1]
      if (path === '/ok') socket.write(ok)
      else if (path === '/cut') socket.destroy()
      else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello')
    })
    const { signal } = new AbortController()
    const call = (path: string) => up.call({ signal, url: `${up.raw.url}${path}` })
    await (await call('/ok')).body.all(10)
    expect(await codeOf(call('/cut'))).toBe('upstream_cut')
    expect(await codeOf(up.call({ signal, url: 'http://127.0.0.1:1/' }))).toBe('connect_failed')
    expect(await codeOf(up.call({ signal, headers: { a: '\n' } }))).toBe('bad_request')
    const left = await call('/part')
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    left.body.cancel()
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  test('that fires while the connection is being made closes it', async () => {
    const stop = new AbortController()
    // A server that never shakes hands: the TLS connection is never ready.
    using up = await setUp(() => {}, { server: { begun: () => stop.abort() } })
    const url = up.raw.url.replace('http:', 'https:')
    expect(await codeOf(up.call({ url, signal: stop.signal }))).toBe('client_left')
    await up.raw.closed()
  })

  test('that fires in the very moment of the call lets no connection live', async () => {
    const stop = new AbortController()
    using up = await setUp((socket) => socket.write(ok))
    const outcome = codeOf(up.call({ signal: stop.signal }))
    stop.abort()
    expect(await outcome).toBe('client_left')
    await up.raw.closed()
    expect(up.raw.requests).toHaveLength(0)
  })

  test('that fires after the last byte still stops the reading', async () => {
    const stop = new AbortController()
    using up = await setUp((socket) => socket.write(ok))
    const reply = await up.call({ signal: stop.signal })
    stop.abort()
    expect(await codeOf(reply.body.read())).toBe('client_left')
  })
})

describe('TLS', () => {
  const tls = { server: { tls: true }, client: { ca: localhostCertificate } }

  test('carries calls on a kept connection', async () => {
    using up = await setUp((socket) => socket.write(ok), tls)
    expect(await up.ask()).toBe('ok')
    expect(await up.ask({ body: new Uint8Array(3_000_000) })).toBe('ok')
    expect(up.raw.opened).toBe(1)
  })

  test('refuses a certificate that nobody vouches for', async () => {
    using up = await setUp((socket) => socket.write(ok), { server: { tls: true } })
    expect(await messageOf(up.ask())).toContain('not trusted here (DEPTH_ZERO_SELF_SIGNED_CERT)')
    expect(up.raw.requests).toHaveLength(0)
  })

  test('trusts what NODE_EXTRA_CA_CERTS or SSL_CERT_FILE names', async () => {
    using up = await setUp((socket) => socket.write(ok), { server: { tls: true } })
    const folder = await mkdtemp(join(tmpdir(), 'inhouse-ca-'))
    const file = join(folder, 'ca.pem')
    await writeFile(file, localhostCertificate)
    const program = `import { createTransport } from ${JSON.stringify(join(import.meta.dir, 'index.ts'))}
      const { signal } = new AbortController()
      const call = { method: 'GET', url: ${JSON.stringify(up.raw.url)}, headers: {}, signal, connectTimeoutMs: 5000 }
      console.log(await createTransport()(call).then(({ status }) => status, ({ code }) => code))
      process.exit()`
    const outcome = async (env: Record<string, string>) => {
      const child = Bun.spawn([process.execPath, '-e', program], { env, stdout: 'pipe' })
      return (await new Response(child.stdout).text()).trim()
    }
    expect(await outcome({})).toBe('connect_failed')
    expect(await outcome({ NODE_EXTRA_CA_CERTS: file })).toBe('200')
    expect(await outcome({ SSL_CERT_FILE: file })).toBe('200')
    await rm(folder, { recursive: true })
  }, 30_000)

  test('refuses the certificate of another host', async () => {
    using up = await setUp((socket) => socket.write(ok), tls)
    const url = up.raw.url.replace('localhost', 'localhost.localhost')
    expect(await messageOf(up.ask({ url }))).toContain('not trusted here (ERR_TLS_CERT_ALTNAME_INVALID)')
    expect(up.raw.requests).toHaveLength(0)
  })

  test('refuses a server that does not speak it', async () => {
    using up = await setUp(() => {}, { server: { begun: (socket) => socket.write('220 hello\r\n') } })
    expect(await codeOf(up.ask({ url: up.raw.url.replace('http:', 'https:') }))).toBe('connect_failed')
  })

  test('that never shakes hands ends in a connect timeout, and the connection is closed', async () => {
    using up = await setUp(() => {})
    const url = up.raw.url.replace('http:', 'https:')
    expect(await codeOf(up.ask({ url, connectTimeoutMs: 30 }))).toBe('connect_timeout')
    await up.raw.closed()
  })
})

test('a slow reader holds the sender back, and misses nothing', async () => {
  const piece = Buffer.alloc(1024 * 1024, 'a')
  const pieces = 64
  let flushed = 0
  using up = await setUp((socket, { requests }) => {
    if (requests.length > 1) socket.write(ok)
    else {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${pieces * piece.length}\r\n\r\n`)
      for (let nth = 0; nth < pieces; nth += 1) socket.write(piece, () => (flushed += 1))
    }
  })
  const slow = await up.call()
  // Other calls go round while nobody reads the first: time enough for all of it to come, were it not held back.
  for (let nth = 0; nth < 500; nth += 1) await up.ask()
  expect(flushed).toBeLessThan(pieces / 2)
  expect((await slow.body.all(1e9)).byteLength).toBe(pieces * piece.length)
  expect(await up.ask()).toBe('ok')
})

test('an answer that comes before the request has left is read, and its connection not kept', async () => {
  const read = Promise.withResolvers<void>()
  using up = await setUp(() => {}, {
    server: {
      begun: (socket) => {
        socket.once('data', () => {
          socket.pause()
          void read.promise.then(() => socket.resume())
          socket.write('HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno')
        })
      },
    },
  })
  const reply = await up.call({ body: new Uint8Array(64 * 1024 * 1024) })
  expect(reply.status).toBe(413)
  expect(Buffer.from(await reply.body.all(10)).toString()).toBe('no')
  read.resolve()
  await up.raw.closed()
  expect(up.raw.requests).toHaveLength(0)
})

test('an IPv6 address is called', async () => {
  using up = await setUp((socket) => socket.write(ok), { server: { host: '::1' } })
  expect(await up.ask()).toBe('ok')
  expect(up.raw.requests[0]).toContain(`host: ${up.raw.url.slice('http://'.length)}\r\n`)
})

test('a host without an address is told as a failed connection', async () => {
  using up = await setUp(() => {})
  expect(await codeOf(up.call({ url: 'http://nowhere.invalid/' }))).toBe('connect_failed')
})

test('two readers of one body are one too many', async () => {
  using up = await setUp((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n'))
  const { body } = await up.call()
  const first = codeOf(body.read())
  expect(await codeOf(body.read())).toBe('internal')
  body.cancel()
  expect(await first).toBe('client_left')
})
