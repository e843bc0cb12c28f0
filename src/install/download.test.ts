import { afterEach, beforeEach, expect, test, setDefaultTimeout } from 'bun:test'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { Failure } from '../core/failure.ts'
import { download, sha256OfFile } from './download.ts'
import { run } from './run.ts'

// Processes start slowly on a busy machine.
setDefaultTimeout(60_000)

const content = randomBytes(3_000_000)
const sha256 = createHash('sha256').update(content).digest('hex')

type Answer = (request: IncomingMessage, response: ServerResponse) => unknown

let folder = ''
let to = ''
let server: Server
let url = ''
/** What the server was asked, and how it shall answer. */
let asked: IncomingMessage[] = []
let answer: Answer

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'download-'))
  to = join(folder, 'file.bin')
  asked = []
  answer = whole
  server = createServer((request, response) => {
    asked.push(request)
    void answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/`
})
afterEach(async () => {
  closeServer()
  await rm(folder, { recursive: true, force: true })
})

const closeServer = () => {
  server.closeAllConnections()
  server.close()
}

const offsetOf = ({ headers }: IncomingMessage) => Number(/bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0)

/** Begins an answer: the rest of the file, as long as the etag is still the one that the client saw. */
const begin = (
  request: IncomingMessage,
  response: ServerResponse,
  etag: string,
  bytes: Uint8Array,
): Uint8Array => {
  const offset = request.headers['if-range'] === etag ? offsetOf(request) : 0
  const rest = bytes.subarray(offset)
  response.writeHead(offset === 0 ? 200 : 206, {
    etag,
    'content-length': rest.length,
    ...(offset === 0 ? {} : { 'content-range': `bytes ${offset}-${bytes.length - 1}/${bytes.length}` }),
  })
  return rest
}

const whole: Answer = (request, response) => response.end(begin(request, response, '"one"', content))

/** Announces the rest of the file, sends some of it, and hangs up. */
const cutAfter =
  (bytes: number): Answer =>
  (request, response) => {
    const rest = begin(request, response, '"one"', content)
    response.write(rest.subarray(0, bytes), () => setTimeout(() => response.destroy(), 10))
  }

/** Sends some of the file, and then nothing more. */
const fallSilent: Answer = (request, response) => {
  response.write(begin(request, response, '"one"', content).subarray(0, 1_000_000))
}

const refuse =
  (status: number): Answer =>
  (_, response) =>
    response.writeHead(status).end('no')

const redirect =
  (location: string): Answer =>
  (_, response) =>
    response.writeHead(302, { location }).end()

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'none',
    (error: unknown) => (error instanceof Failure ? error.code : error),
  )

test('a file arrives whole, verified, alone in its folder, and its progress ends at its size', async () => {
  const seen: number[] = []
  const onProgress = ({ done, total }: { done: number; total?: number }) => {
    expect(total).toBe(content.length)
    seen.push(done)
  }
  const job = { url, to, sha256, bytes: content.length, onProgress }
  expect(await download(job)).toEqual({ bytes: content.length, sha256 })
  expect(await sha256OfFile(to)).toBe(sha256)
  expect(await readdir(folder)).toEqual(['file.bin'])
  expect(seen.at(-1)).toBe(content.length)
  expect(seen).toEqual(seen.toSorted((a, b) => a - b))
})

test('a connection that is cut again and again is taken up where it broke', async () => {
  let times = 0
  answer = (request, response) => (times++ < 6 ? cutAfter(400_000) : whole)(request, response)
  await download({ url, to, sha256, bytes: content.length })
  expect(await sha256OfFile(to)).toBe(sha256)
  const offsets = asked.map(offsetOf)
  expect(offsets).toEqual(offsets.toSorted((a, b) => a - b))
  expect(offsets.at(-1)).toBeGreaterThan(400_000)
})

/** A download in another process, killed as soon as a part of it is on the disk. */
const killedHalfway = async () => {
  answer = fallSilent
  const program = `import { download } from ${JSON.stringify(join(import.meta.dir, 'download.ts'))}
    await download({ ...JSON.parse(process.argv[1]), onProgress: ({ done }) => console.log(done) })`
  const job = JSON.stringify({ url, to, sha256, bytes: content.length })
  const child = Bun.spawn(['bun', '-e', program, job], { stdout: 'pipe' })
  for await (const said of child.stdout) if (said.length > 0) break
  child.kill('SIGKILL')
  await child.exited
  expect(await readdir(folder)).toEqual(['file.bin.partial', 'file.bin.partial.json'])
}

test('a download that was killed is taken up by the next one, not begun again', async () => {
  await killedHalfway()
  answer = whole
  asked = []
  await download({ url, to, sha256 })
  expect(asked).toHaveLength(1)
  expect(asked.map(offsetOf)[0]).toBeGreaterThan(0)
  expect(await sha256OfFile(to)).toBe(sha256)
  expect(await readdir(folder)).toEqual(['file.bin'])
})

test('a killed download begins again when the file on the server is another one now', async () => {
  await killedHalfway()
  const other = randomBytes(2_000_000)
  answer = (request, response) => response.end(begin(request, response, '"two"', other))
  await download({ url, to })
  expect(Buffer.compare(await readFile(to), other)).toBe(0)
})

test('a killed download of another address is not taken up', async () => {
  await killedHalfway()
  answer = whole
  asked = []
  await download({ url: `${url}other`, to, sha256 })
  expect(asked.map(offsetOf)).toEqual([0])
})

/** What a killed run left: a part, and where it came from. */
const leftBehind = async (part: Uint8Array) => {
  await writeFile(`${to}.partial`, part)
  await writeFile(`${to}.partial.json`, JSON.stringify({ url, etag: '"one"' }))
}

test('a part that was damaged on the disk is noticed at the end, and the file fetched once more from its start', async () => {
  await leftBehind(Buffer.alloc(1_000_000))
  await download({ url, to, sha256, bytes: content.length })
  expect(await sha256OfFile(to)).toBe(sha256)
  expect(asked.map(offsetOf)).toEqual([1_000_000, 0])
  await rm(to)
  await leftBehind(Buffer.alloc(content.length))
  await download({ url, to, sha256, bytes: content.length })
  expect(await sha256OfFile(to)).toBe(sha256)
})

test('a file that is wrong also in one piece is given up, and nothing is kept', async () => {
  await leftBehind(content.subarray(0, 1_000_000))
  expect(await codeOf(download({ url, to, sha256: '0'.repeat(64) }))).toBe('digest_mismatch')
  expect(asked.map(offsetOf)).toEqual([1_000_000, 0])
  expect(await readdir(folder)).toEqual([])
})

test('a part to which nothing is missing is not fetched again, whatever the server calls that', async () => {
  await leftBehind(content)
  answer = (_, response) => response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end()
  expect(await download({ url, to, sha256 })).toEqual({ bytes: content.length, sha256 })
  expect(asked).toHaveLength(1)
})

test('a part that is longer than the file is begun anew', async () => {
  await leftBehind(Buffer.concat([content, content]))
  answer = (request, response) =>
    offsetOf(request) < content.length
      ? whole(request, response)
      : response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end()
  await download({ url, to, sha256 })
  expect(await sha256OfFile(to)).toBe(sha256)
  expect(asked.map(offsetOf)).toEqual([2 * content.length, 0])
})

test('a server that knows no ranges, or gives another one than asked, costs the part but not the file', async () => {
  await leftBehind(content.subarray(0, 1_000_000))
  answer = (_, response) => response.writeHead(200, { etag: '"one"' }).end(content)
  await download({ url, to, sha256 })
  expect(await sha256OfFile(to)).toBe(sha256)
  await leftBehind(content.subarray(0, 1_000_000))
  answer = (request, response) =>
    offsetOf(request) === 0
      ? whole(request, response)
      : response
          .writeHead(206, {
            etag: '"one"',
            'content-range': `bytes 5-${content.length - 1}/${content.length}`,
          })
          .end(content.subarray(5))
  await download({ url, to, sha256 })
  expect(await sha256OfFile(to)).toBe(sha256)
})

test('a file with the wrong digest, or the wrong size, leaves nothing behind', async () => {
  expect(await codeOf(download({ url, to, sha256: '0'.repeat(64) }))).toBe('digest_mismatch')
  expect(await readdir(folder)).toEqual([])
  expect(await codeOf(download({ url, to, bytes: 10 }))).toBe('digest_mismatch')
  expect(await readdir(folder)).toEqual([])
})

test('what the server says decides the failure', async () => {
  const statuses: Record<number, string> = {
    401: 'source_denied',
    403: 'source_denied',
    404: 'source_missing',
  }
  for (const [status, code] of Object.entries(statuses)) {
    answer = refuse(Number(status))
    expect(await codeOf(download({ url, to }))).toBe(code)
  }
  let times = 0
  answer = (request, response) => (times++ < 2 ? refuse(503) : whole)(request, response)
  expect(await codeOf(download({ url, to, sha256 }))).toBe('none')
})

test('no network is told at once and by its name', async () => {
  closeServer()
  expect(await codeOf(download({ url, to }))).toBe('network_unreachable')
  expect(await readdir(folder)).toEqual([])
})

test('a download that is called off stops and keeps its part', async () => {
  await killedHalfway()
  const stop = new AbortController()
  const work = download({ url, to, sha256, signal: stop.signal })
  stop.abort(new Error('called off'))
  expect(await codeOf(work)).toEqual(new Error('called off'))
  expect(await readdir(folder)).toContain('file.bin.partial')
})

test('a download that is called off while it leaves a busy server alone stops at once', async () => {
  const stop = new AbortController()
  answer = (_, response) => {
    response.writeHead(503, { 'retry-after': '30' }).end()
    response.once('close', () => setTimeout(() => stop.abort(new Error('called off')), 50))
  }
  // The test's own time is up before the server's is.
  expect(await codeOf(download({ url, to, signal: stop.signal }))).toEqual(new Error('called off'))
}, 20_000)

test('a redirect within one origin is followed, one to another host over http is not', async () => {
  answer = (request, response) => (request.url === '/moved' ? redirect('/') : whole)(request, response)
  await download({ url: `${url}moved`, to, sha256 })
  answer = redirect(`${url.replace('127.0.0.1', 'localhost')}elsewhere`)
  expect(await codeOf(download({ url, to }))).toBe('download_failed')
  expect(asked).toHaveLength(3)
})

/** A web of https hosts, without sockets. */
const hosts =
  (answers: Readonly<Record<string, (headers: Headers) => Response>>) =>
  (address: string, init: RequestInit) =>
    Promise.resolve(answers[address]?.(new Headers(init.headers)) ?? new Response('', { status: 404 }))

test('credentials do not follow a redirect to another host, and https never falls back to http', async () => {
  const tokens: (string | null)[] = []
  const fetch = hosts({
    'https://a.test/': () => Response.redirect('https://b.test/'),
    'https://b.test/': (headers) => {
      tokens.push(headers.get('authorization'), headers.get('x-other'))
      return new Response('body')
    },
    'https://c.test/': () => Response.redirect('http://b.test/'),
    'https://d.test/': () => Response.redirect('https://d.test/'),
  })
  const headers = { Authorization: 'Bearer secret', 'x-other': 'kept' }
  await download({ url: 'https://a.test/', to, headers, fetch })
  expect(tokens).toEqual([null, 'kept'])
  expect(await codeOf(download({ url: 'https://c.test/', to, headers, fetch }))).toBe('download_failed')
  expect(await codeOf(download({ url: 'https://d.test/', to, headers, fetch }))).toBe('download_failed')
})

test.skipIf(process.getuid?.() !== 0)(
  'a full disk is told before it is filled, or at once when the size is unknown (needs root for a small disk)',
  async () => {
    const small = join(folder, 'small')
    await mkdir(small)
    expect((await run(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'none', small])).stderr).toBe('')
    try {
      const target = join(small, 'file.bin')
      expect(await codeOf(download({ url, to: target }))).toBe('disk_full')
      expect(await readdir(small)).toEqual([])
      // Without a length the disk fills up while the file comes.
      answer = (_, response) => {
        response.writeHead(200).write(content.subarray(0, 1000))
        response.end(content)
      }
      expect(await codeOf(download({ url, to: target }))).toBe('disk_full')
      expect(await readdir(small)).toEqual([])
    } finally {
      await run(['umount', small])
    }
  },
)

test('a server whose certificate NODE_EXTRA_CA_CERTS or SSL_CERT_FILE vouches for is believed, and no other', async () => {
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
  const made = await run(
    [
      'openssl',
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=localhost',
    ].concat(['-keyout', key, '-out', certificate, '-addext', 'subjectAltName=DNS:localhost']),
  )
  if (made.status === 127) return
  const tls = { key: Bun.file(key), cert: Bun.file(certificate) }
  using secure = Bun.serve({ port: 0, hostname: '127.0.0.1', tls, fetch: () => new Response('safe') })
  const program = `import { download } from ${JSON.stringify(join(import.meta.dir, 'download.ts'))}
    try { await download({ url: 'https://localhost:${secure.port}/', to: ${JSON.stringify(to)} }); console.log('arrived') }
    catch (error) { console.log(error.code) }`
  const outcome = async (env: Record<string, string>) => {
    const none = { NODE_EXTRA_CA_CERTS: undefined, SSL_CERT_FILE: undefined, SSL_CERT_DIR: undefined }
    return (await run(['bun', '-e', program], { env: { ...none, ...env } })).stdout.trim()
  }
  expect(await outcome({})).toBe('network_unreachable')
  expect(await outcome({ NODE_EXTRA_CA_CERTS: certificate })).toBe('arrived')
  expect(await outcome({ SSL_CERT_FILE: certificate })).toBe('arrived')
})

test('a part without notes of where it came from is not trusted', async () => {
  await writeFile(`${to}.partial`, 'something else')
  await download({ url, to, sha256 })
  expect(asked.map(offsetOf)).toEqual([0])
})
