import type { Socket } from 'bun'

import type { Ask } from './ask.ts'

export interface Watched {
  /** Milliseconds between one arrival of chunks and the next, of all streams. */
  readonly gapsMs: readonly number[]
  readonly chunks: number
  /** Streams that ended or never began. */
  readonly broken: number
}

const ends = { sse: Buffer.from('\n\n'), ndjson: Buffer.from('}\n') } as const

/** One stream's place in the crowd. */
interface Seat {
  /** When the last chunk came; 0 before the first. */
  lastAt: number
  hasBegun: boolean
  isBroken: boolean
}

/** Many streams read at once over bare sockets, so that reading costs little beside what is measured. */
export class Crowd implements Disposable {
  readonly #sockets: Socket<Seat>[] = []
  readonly #seats: Seat[] = []
  readonly #end: Buffer
  #gaps: number[] | undefined
  #chunks = 0

  private constructor(end: Buffer) {
    this.#end = end
  }

  /** Opens the streams, spread over a second, and waits until chunks flow on all. */
  static async join(ask: Ask, streams: number, lines: keyof typeof ends = 'sse'): Promise<Crowd> {
    const crowd = new Crowd(ends[lines])
    const perTurn = Math.ceil(streams / 100)
    for (let open = 0; open < streams; open += perTurn) {
      await Promise.all(Array.from({ length: Math.min(perTurn, streams - open) }, () => crowd.#open(ask)))
      await Bun.sleep(10)
    }
    const deadline = performance.now() + 15_000
    const waits = ({ lastAt, isBroken }: Seat): boolean => lastAt === 0 && !isBroken
    while (crowd.#seats.some(waits) && performance.now() < deadline) await Bun.sleep(20)
    return crowd
  }

  /** What arrives from now on, for so many seconds. */
  async watch(seconds: number): Promise<Watched> {
    const gapsMs: number[] = []
    this.#gaps = gapsMs
    this.#chunks = 0
    await Bun.sleep(seconds * 1000)
    this.#gaps = undefined
    const broken = this.#seats.filter(({ lastAt, isBroken }) => isBroken || lastAt === 0).length
    return { gapsMs, chunks: this.#chunks, broken }
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.terminate()
  }

  async #open(ask: Ask): Promise<void> {
    const { hostname, port } = new URL(ask.url)
    const seat: Seat = { lastAt: 0, hasBegun: false, isBroken: false }
    this.#seats.push(seat)
    const leave = (): void => void (seat.isBroken = true)
    const socket = {
      open: (opened: Socket<Seat>) => void opened.write(httpOf(ask)),
      data: (opened: Socket<Seat>, bytes: Buffer) => this.#arrive(opened.data, bytes),
      close: leave,
      error: leave,
    }
    await Bun.connect<Seat>({ hostname, port: Number(port), data: seat, socket }).then(
      (opened) => this.#sockets.push(opened),
      leave,
    )
  }

  #arrive(seat: Seat, bytes: Buffer): void {
    if (!seat.hasBegun) {
      seat.hasBegun = true
      seat.isBroken = !bytes.toString('latin1', 0, 13).startsWith('HTTP/1.1 200 ')
    }
    if (seat.isBroken) return
    let events = 0
    for (let at = bytes.indexOf(this.#end); at !== -1; at = bytes.indexOf(this.#end, at + 2)) events += 1
    if (events === 0) return
    const now = performance.now()
    if (this.#gaps !== undefined) {
      this.#chunks += events
      this.#gaps.push(now - seat.lastAt)
    }
    seat.lastAt = now
  }
}

function httpOf({ url, headers, body }: Ask): string {
  const { host, pathname } = new URL(url)
  const lines = Object.entries({ host, ...headers, 'content-length': `${Buffer.byteLength(body)}` })
  return `POST ${pathname} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`
}
