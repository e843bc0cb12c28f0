import { once } from 'node:events'
import net from 'node:net'
import tls from 'node:tls'

/** What a raw server does with each whole request. */
export type RawAnswer = (socket: net.Socket, server: RawServer) => unknown

/** For tests: a server that says exactly the bytes that it is told to, and closes when and how it is told to. */
export class RawServer {
  /** Each request as it came, latin1, head and body. */
  readonly requests: string[] = []
  /** Connections accepted so far. */
  opened = 0
  readonly url: string
  readonly #server: net.Server
  readonly #sockets = new Set<net.Socket>()
  #closed = Promise.withResolvers<void>()

  private constructor(server: net.Server, scheme: string, host: string) {
    this.#server = server
    this.url = `${scheme}://${host}:${(server.address() as net.AddressInfo).port}`
  }

  /** `answer` is called with each whole request; `begun`, if given, with each connection. */
  static async start(
    answer: RawAnswer,
    options: {
      readonly tls?: boolean
      readonly host?: string
      readonly begun?: (socket: net.Socket) => void
    } = {},
  ): Promise<RawServer> {
    const accept = (socket: net.Socket) => raw.#accept(socket, answer, options.begun)
    const server =
      options.tls === true
        ? tls.createServer({ cert: localhostCertificate, key: localhostKey }, accept)
        : net.createServer({ noDelay: true }, accept)
    server.on('tlsClientError', () => {})
    server.listen(0, options.host ?? '127.0.0.1')
    await once(server, 'listening')
    const host = options.tls === true ? 'localhost' : options.host === '::1' ? '[::1]' : '127.0.0.1'
    const raw: RawServer = new RawServer(server, options.tls === true ? 'https' : 'http', host)
    return raw
  }

  /** Resolves when a connection has closed since the last time this was asked. */
  async closed(): Promise<void> {
    await this.#closed.promise
    this.#closed = Promise.withResolvers<void>()
  }

  /** Connections open just now. */
  get open(): number {
    return this.#sockets.size
  }

  stop(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #accept(socket: net.Socket, answer: RawAnswer, begun: ((socket: net.Socket) => void) | undefined): void {
    this.opened += 1
    this.#sockets.add(socket)
    let text = ''
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#sockets.delete(socket)
      this.#closed.resolve()
    })
    begun?.(socket)
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1')
      const blank = text.indexOf('\r\n\r\n')
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? 0)
      if (blank < 0 || text.length < blank + 4 + length) return
      this.requests.push(text)
      text = ''
      void answer(socket, this)
    })
  }
}

/** Self-signed for localhost and 127.0.0.1, made for these tests and trusted by nothing else. */
export const localhostCertificate = `-----BEGIN CERTIFICATE-----
MIIBZDCCAQqgAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlsb2NhbGhv
c3QwIBcNMjQwMTAxMDAwMDAwWhgPMjEyNDAxMDEwMDAwMDBaMBQxEjAQBgNVBAMM
CWxvY2FsaG9zdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABExwxWpReJXGKEsU
c5zdpqGqOjEtpav5aHYHeHGNg2oOB/p0i+gsSY6RhtQE0poIrfUWk9oZ+Xl5KCpY
DZQRHE+jSzBJMBoGA1UdEQQTMBGCCWxvY2FsaG9zdIcEfwAAATAMBgNVHRMEBTAD
AQH/MB0GA1UdDgQWBBTurdWH/T66tiYpuaYrPWghrxh0yTAKBggqhkjOPQQDAgNI
ADBFAiAf/QRR40E8YijpxLLmm6t6czKnumTRvfIViBlWywtO4wIhAPgB0mkW4p57
r8AOIHDafhQoMv1jshuSA0ztRuVS0qBB
-----END CERTIFICATE-----`

const localhostKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg52FHKDlSx7aClWrQ
1x0UdZro6qkDo84HIaeI70lxSvShRANCAARMcMVqUXiVxihLFHOc3aahqjoxLaWr
+Wh2B3hxjYNqDgf6dIvoLEmOkYbUBNKaCK31FpPaGfl5eSgqWA2UERxP
-----END PRIVATE KEY-----`
