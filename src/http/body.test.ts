import { afterAll, beforeAll, expect, test } from 'bun:test'

import { Failure } from '../core/failure.ts'
import { readBody } from './body.ts'

const limits = { maxBodyBytes: 1_000_000, bodyTimeoutMs: 20_000 }

/** Answers with the size of the body, or with the status of the failure. */
let server: ReturnType<typeof Bun.serve>
beforeAll(() => {
  server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    fetch: async (request) => {
      try {
        return new Response(String((await readBody(request, limits)).length))
      } catch (thrown) {
        return new Response('', { status: thrown instanceof Failure ? thrown.status : 500 })
      }
    },
  })
})
afterAll(() => server.stop(true))

const encoded = async (encoding: string, body: Uint8Array<ArrayBuffer>): Promise<number> =>
  (await fetch(server.url, { method: 'POST', headers: { 'content-encoding': encoding }, body })).status

test('an encoding is known by its name in any case, and no other word is one', async () => {
  const plain = Buffer.from('body')
  const zipped = Bun.gzipSync(plain)
  expect(await encoded('Identity', plain)).toBe(200)
  for (const name of ['gzip', 'X-GZIP', ' Gzip ']) expect(await encoded(name, zipped)).toBe(200)
  for (const name of ['constructor', '__proto__', 'toString', 'lzma'])
    expect(await encoded(name, plain)).toBe(415)
})

/** The first line of the answer, for a client that looks for one only when it has sent everything. */
async function answerTo(head: string, body: string): Promise<string> {
  const ended = Promise.withResolvers<string>()
  let left: Uint8Array = Buffer.from(`POST / HTTP/1.1\r\nhost: a\r\n${head}\r\n\r\n${body}`)
  let seen = ''
  const send = (socket: { write(bytes: Uint8Array): number }): void => {
    left = left.subarray(Math.max(0, socket.write(left)))
  }
  await Bun.connect({
    hostname: '127.0.0.1',
    port: Number(server.port),
    socket: {
      open: send,
      drain: send,
      data: (socket, bytes) => {
        seen += new TextDecoder().decode(bytes)
        if (left.length === 0) socket.end()
      },
      close: () => ended.resolve(left.length > 0 ? 'cut off' : (seen.split('\r\n')[0] ?? '')),
    },
  })
  return ended.promise
}

test('who sends more than may be is told so, also when it reads the answer only after it has sent all', async () => {
  const chunk = `10000\r\n${'a'.repeat(65_536)}\r\n`
  const chunks = `${chunk.repeat(200)}0\r\n\r\n`
  expect(await answerTo('transfer-encoding: chunked', chunks)).toStartWith('HTTP/1.1 413')
  expect(await answerTo(`content-length: ${chunks.length}`, chunks)).toStartWith('HTTP/1.1 413')
})

test('a body that is announced beyond all measure is refused before it is sent', async () => {
  expect(await answerTo('content-length: 1000000000000', '')).toStartWith('HTTP/1.1 413')
})
