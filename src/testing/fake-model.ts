import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

import { fakeAnswer } from './fake-answers.ts'
import { readRequests } from './fake-http.ts'

/** What the fake upstream does with one request. Everything left out is as a good upstream does it. */
export interface Script {
  /** 200. */
  readonly status?: number
  /** Lower-case names; `content-type` is `text/event-stream` for more than one chunk, else `application/json`. */
  readonly headers?: Readonly<Record<string, string>>
  /** The body in pieces; each reaches the socket by itself, so a test decides where the bytes are split. */
  readonly chunks?: readonly (string | Uint8Array)[]
  /** Before the status line, milliseconds. */
  readonly waitMs?: number
  /** Before each chunk but the first, milliseconds. */
  readonly delayMs?: number
  /** Awaited before the last chunk: the answer is under way for as long as a test needs it to be. */
  readonly until?: Promise<unknown>
  /** The connection is closed after so many bytes of the body; the body's end is never said. */
  readonly cutAfter?: number
  /** All that is said, status line and all, in place of the rest; then the connection is closed. */
  readonly raw?: Uint8Array
  /** `silence`: nothing is ever answered. `close`: the connection is closed without a byte. */
  readonly instead?: 'silence' | 'close'
}

/** A request as it came, and what became of it. Times are `performance.now()`. */
export interface Received {
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  readonly at: number
  json(): Record<string, unknown>
  /** `done`: answered to the end. `left`: the caller closed the connection first. `cut`: the script did. */
  readonly ended: Promise<{ readonly how: 'done' | 'left' | 'cut'; readonly at: number }>
}

export type Answering = (request: Received, number: number) => Script

/**
 * A model that is only a script: speaks OpenAI's and Anthropic's dialects over plain sockets, so that it can also do
 * what a server should not. Without a script it answers `Hello there.` in the dialect of the path.
 *
 *     await using model = await FakeModel.start(() => ({ status: 503 }))
 */
export class FakeModel implements AsyncDisposable {
  /** All requests so far, oldest first. */
  readonly received: Received[] = []
  /** What it does next; tests may change it at any time. */
  answer: Answering
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #waiting: (() => void)[] = []

  private constructor(answer: Answering) {
    this.answer = answer
    this.#server = createServer({ noDelay: true }, (socket) => this.#connected(socket))
  }

  static async start(answer: Answering = fakeAnswer): Promise<FakeModel> {
    const model = new FakeModel(answer)
    await new Promise<void>((resolve) => model.#server.listen(0, '127.0.0.1', resolve))
    return model
  }

  /** `http://127.0.0.1:PORT`, without `/v1`. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Open connections. */
  get connections(): number {
    return this.#sockets.size
  }

  /** The request with this number, counted from 0; waits until it comes. */
  async request(number: number): Promise<Received> {
    for (;;) {
      const request = this.received[number]
      if (request !== undefined) return request
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #connected(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => this.#sockets.delete(socket))
    void this.#serve(socket)
  }

  async #serve(socket: Socket): Promise<void> {
    for await (const { method, path, headers, body } of readRequests(socket)) {
      const { promise: ended, resolve } = Promise.withResolvers<Awaited<Received['ended']>>()
      const end = (how: 'done' | 'left' | 'cut'): void => resolve({ how, at: performance.now() })
      const left = (): void => end('left')
      socket.once('close', left)
      const json = (): Record<string, unknown> =>
        JSON.parse(new TextDecoder().decode(body)) as Record<string, unknown>
      const request: Received = { method, path, headers, body, at: performance.now(), json, ended }
      this.received.push(request)
      for (const wake of this.#waiting.splice(0)) wake()
      const how = await perform(socket, this.answer(request, this.received.length - 1))
      if (how === undefined) return
      end(how)
      socket.off('close', left)
      if (how === 'cut') return
    }
  }
}

/** Undefined when the caller left, or never will be answered. */
async function perform(socket: Socket, script: Script): Promise<'done' | 'cut' | undefined> {
  const { chunks = [], delayMs = 0, cutAfter = Number.POSITIVE_INFINITY } = script
  if (script.waitMs !== undefined) await Bun.sleep(script.waitMs)
  if (script.instead === 'silence') return undefined
  if (script.instead === 'close') return cut(socket)
  if (script.raw !== undefined) {
    socket.end(script.raw)
    return 'done'
  }
  const bodies = chunks.map((chunk) => (typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk)))
  socket.write(head(script, bodies))
  let left = cutAfter
  for (const [number, body] of bodies.entries()) {
    if (number > 0) await Bun.sleep(delayMs)
    if (number === bodies.length - 1) await script.until
    if (socket.destroyed) return undefined
    const piece = body.subarray(0, left)
    // A chunk of no bytes would say that the body has ended.
    if (piece.length > 0) socket.write(bodies.length > 1 ? chunked(piece) : piece)
    left -= piece.length
    if (left <= 0) return cut(socket)
  }
  if (bodies.length > 1) socket.write('0\r\n\r\n')
  return 'done'
}

/** What was written still arrives: the connection is ended, not reset. */
function cut(socket: Socket): 'cut' {
  socket.end()
  return 'cut'
}

function head({ status = 200, headers }: Script, bodies: readonly Buffer[]): string {
  const isStream = bodies.length > 1
  const all = {
    'content-type': isStream ? 'text/event-stream' : 'application/json',
    ...(isStream ? { 'transfer-encoding': 'chunked' } : { 'content-length': String(bodies[0]?.length ?? 0) }),
    ...headers,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} Scripted\r\n${lines.join('')}\r\n`
}

const chunked = (piece: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')])
