import type { Socket } from 'node:net'

interface PlainRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** The requests of one connection, as far as well-behaved clients of HTTP/1.1 go. */
export async function* readRequests(socket: Socket): AsyncGenerator<PlainRequest> {
  const inbox = new Inbox(socket)
  for (;;) {
    const head = await inbox.through('\r\n\r\n')
    if (head === undefined) return
    const [start = '', ...lines] = head.toString('latin1').trimEnd().split('\r\n')
    const [method = '', path = ''] = start.split(' ')
    const headers = Object.fromEntries(lines.map(header))
    const body = await readBody(inbox, headers)
    if (body === undefined) return
    yield { method, path, headers, body }
  }
}

function header(line: string): [string, string] {
  const colon = line.indexOf(':')
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
}

async function readBody(
  inbox: Inbox,
  headers: Readonly<Record<string, string>>,
): Promise<Buffer | undefined> {
  if (headers['transfer-encoding'] !== 'chunked') return inbox.take(Number(headers['content-length'] ?? 0))
  const pieces: Buffer[] = []
  for (;;) {
    const size = Number.parseInt((await inbox.through('\r\n'))?.toString('latin1') ?? '', 16)
    const piece = Number.isNaN(size) ? undefined : await inbox.take(size + 2)
    if (piece === undefined) return undefined
    if (size === 0) return Buffer.concat(pieces)
    pieces.push(piece.subarray(0, size))
  }
}

/** What came in and was not taken yet. */
class Inbox {
  #bytes = Buffer.alloc(0)
  #isClosed = false
  #wake: () => void = () => undefined

  constructor(socket: Socket) {
    socket.on('data', (bytes: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, bytes])
      this.#wake()
    })
    socket.on('close', () => {
      this.#isClosed = true
      this.#wake()
    })
  }

  /** Up to and with the mark; undefined when the connection closes first. */
  async through(mark: string): Promise<Buffer | undefined> {
    for (;;) {
      const at = this.#bytes.indexOf(mark)
      if (at !== -1) return this.#shift(at + mark.length)
      if (!(await this.#more())) return undefined
    }
  }

  async take(length: number): Promise<Buffer | undefined> {
    while (this.#bytes.length < length) if (!(await this.#more())) return undefined
    return this.#shift(length)
  }

  #shift(length: number): Buffer {
    const taken = this.#bytes.subarray(0, length)
    this.#bytes = this.#bytes.subarray(length)
    return taken
  }

  async #more(): Promise<boolean> {
    if (this.#isClosed) return false
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    return true
  }
}
