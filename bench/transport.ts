/**
 * CPU of one upstream call, our sockets beside `fetch`: `bun bench/transport.ts [seconds]`.
 * The upstream is another process, so that only the client's CPU counts. Rounds alternate; medians are printed.
 */
import type { Socket } from 'bun'
import type { Transport } from '../src/core/send.ts'
import { createFetchTransport } from '../src/net/fetch.ts'
import { createSocketTransport } from '../src/net/socket.ts'

const chunks = 200

/** Answers every request in the fewest steps; a path that begins with /s is answered in chunks, one write each. */
const serveUpstream = (): void => {
  const whole = Buffer.from(
    `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 400\r\n\r\n${'x'.repeat(400)}`,
  )
  const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n'
  const text = `data: {"choices":[{"index":0,"delta":{"content":" word"}}],"id":"c-1"}\n\n`
  const chunk = Buffer.from(`${text.length.toString(16)}\r\n${text}\r\n`)
  const stream = async (socket: Socket): Promise<void> => {
    socket.write(head)
    for (let nth = 0; nth < chunks; nth += 1) {
      socket.write(chunk)
      await new Promise((resolve) => setImmediate(resolve))
    }
    socket.write('0\r\n\r\n')
  }
  const server = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      data(socket, bytes) {
        if (bytes[0] !== 0x50) return
        if (bytes[6] === 0x73) void stream(socket)
        else socket.write(whole)
      },
    },
  })
  console.log(server.port)
}

const body = Buffer.from(
  JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'x'.repeat(850) }] }),
)

/** Microseconds of CPU a call, and calls a second, with `concurrency` callers for `milliseconds`. */
const measure = async (transport: Transport, url: string, concurrency: number, milliseconds: number) => {
  const headers = { 'content-type': 'application/json', authorization: 'Bearer 0123456789abcdef' }
  const until = performance.now() + milliseconds
  let calls = 0
  let pieces = 0
  const caller = async () => {
    while (performance.now() < until) {
      const { signal } = new AbortController()
      const reply = await transport({ method: 'POST', url, headers, body, signal, connectTimeoutMs: 1000 })
      while ((await reply.body.read()) !== undefined) pieces += 1
      calls += 1
    }
  }
  const before = process.cpuUsage()
  const start = performance.now()
  await Promise.all(Array.from({ length: concurrency }, caller))
  const { user, system } = process.cpuUsage(before)
  const seconds = (performance.now() - start) / 1000
  return { cpu: (user + system) / calls, rate: calls / seconds, pieces: pieces / calls }
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN

const main = async (seconds: number): Promise<void> => {
  const upstream = Bun.spawn([process.execPath, import.meta.path, '--upstream'], { stdout: 'pipe' })
  const { value } = await upstream.stdout.getReader().read()
  const base = `http://127.0.0.1:${new TextDecoder().decode(value).trim()}`
  const transports = { socket: createSocketTransport(), fetch: createFetchTransport() }
  const rounds = 5
  for (const kind of ['whole', 'stream'] as const) {
    const url = kind === 'whole' ? `${base}/v1/chat` : `${base}/stream`
    for (const concurrency of [1, 10, 64]) {
      const rows = { socket: [], fetch: [] } as Record<string, Awaited<ReturnType<typeof measure>>[]>
      for (let round = -1; round < rounds; round += 1) {
        for (const [name, transport] of Object.entries(transports)) {
          const row = await measure(transport, url, concurrency, (seconds * 1000) / rounds)
          if (round >= 0) rows[name]?.push(row)
        }
      }
      for (const [name, all] of Object.entries(rows)) {
        const cpu = median(all.map((row) => row.cpu))
        const figures =
          kind === 'whole'
            ? `${cpu.toFixed(1)} µs CPU a call`
            : `${(cpu / chunks).toFixed(2)} µs CPU a chunk, ${(chunks / median(all.map((row) => row.pieces))).toFixed(1)} chunks a read`
        console.log(
          `${kind} c=${concurrency} ${name}: ${figures}, ${median(all.map((row) => row.rate)).toFixed(0)} calls/s`,
        )
      }
    }
  }
  upstream.kill()
  process.exit(0)
}

if (process.argv.includes('--upstream')) serveUpstream()
else await main(Number(process.argv[2] ?? 3))
