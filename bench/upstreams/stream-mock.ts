/**
 * A mock upstream that streams, as its own process: `bun bench/upstreams/stream-mock.ts PORT`.
 * `POST /c200/e50/v1/chat/completions` answers with 200 chunks, one every 50 ms; `e0` sends them all in one write.
 * The rest of the path says in which dialect.
 */
import type { Socket } from 'bun'

import { mediaTypes, scriptFor, type Script } from './scripts.ts'

const httpChunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`

const headOf = (mediaType: string): string =>
  `HTTP/1.1 200 OK\r\nContent-Type: ${mediaType}\r\nTransfer-Encoding: chunked\r\n\r\n`
const empty = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}'
const last = '0\r\n\r\n'

/** Bursts are made once and kept. */
const bursts = new Map<string, Buffer>()

class Session {
  #request: Buffer = Buffer.alloc(0)
  #unsent: Buffer = Buffer.alloc(0)
  #timer: ReturnType<typeof setInterval> | undefined

  /** Answers once the request is here whole; clients wait for the answer before they ask again. */
  read(socket: Socket<Session>, bytes: Buffer): void {
    this.#request = this.#request.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#request, bytes])
    const end = this.#request.indexOf('\r\n\r\n')
    if (end === -1) return
    const text = this.#request.toString('latin1', 0, end)
    const length = Number(/content-length: *(\d+)/i.exec(text)?.[1] ?? 0)
    if (this.#request.length < end + 4 + length) return
    const path = text.split(' ', 2)[1] ?? '/'
    const withUsage = this.#request.includes('"include_usage":true', end)
    this.#request = Buffer.alloc(0)
    this.#answer(socket, path, withUsage)
  }

  #answer(socket: Socket<Session>, path: string, withUsage: boolean): void {
    const [, chunks, every] = /\/c(\d+)\/e(\d+)\//.exec(path) ?? []
    const make = scriptFor(path)
    if (chunks === undefined || make === undefined) return this.#write(socket, empty)
    const head = headOf(mediaTypes[make.lines])
    const script = make.of(Number(chunks), withUsage)
    if (Number(every) > 0) return this.#drip(socket, head, script, Number(chunks), Number(every))
    const key = `${path} ${withUsage}`
    let burst: Buffer | undefined = bursts.get(key)
    if (burst === undefined) {
      const { before, chunk, after } = script
      const middle = Array.from({ length: Number(chunks) }, (_, at) => httpChunk(chunk(at)))
      const body = httpChunk(before) + middle.join('') + httpChunk(after)
      burst = Buffer.from(head + body + last)
      bursts.set(key, burst)
    }
    this.#write(socket, burst)
  }

  #drip(
    socket: Socket<Session>,
    head: string,
    { before, chunk, after }: Script,
    chunks: number,
    every: number,
  ): void {
    // Made once: every tenth chunk is the same.
    const made = Array.from({ length: 10 }, (_, at) => Buffer.from(httpChunk(chunk(at))))
    let sent = 0
    this.#write(socket, head + httpChunk(before))
    this.#timer = setInterval(() => {
      this.#write(socket, made[sent % 10] ?? '')
      sent += 1
      if (sent < chunks) return
      this.close()
      this.#write(socket, httpChunk(after) + last)
    }, every)
  }

  #write(socket: Socket<Session>, data: string | Buffer): void {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data
    if (this.#unsent.length > 0) this.#unsent = Buffer.concat([this.#unsent, bytes])
    else this.#unsent = bytes.subarray(Math.max(0, socket.write(bytes)))
  }

  drain(socket: Socket<Session>): void {
    this.#unsent = this.#unsent.subarray(Math.max(0, socket.write(this.#unsent)))
  }

  close(): void {
    clearInterval(this.#timer)
  }
}

Bun.listen<Session>({
  hostname: '127.0.0.1',
  port: Number(process.argv[2]),
  socket: {
    open: (socket) => void (socket.data = new Session()),
    data: (socket, bytes) => socket.data.read(socket, bytes),
    drain: (socket) => socket.data.drain(socket),
    close: (socket) => socket.data.close(),
  },
})
