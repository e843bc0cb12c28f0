import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { Failure } from '../core/failure.ts'
import { ResponseReader } from './response.ts'

const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 1000)

interface Seen {
  readonly status: number | undefined
  readonly body: string
  readonly done: boolean
  readonly surplus: boolean
  readonly failure: string | undefined
}

/** What a reader makes of bytes that come in these parts, and then of the end of the connection. */
const read = (parts: readonly Uint8Array[]): Seen => {
  const reader = new ResponseReader()
  const pieces: Uint8Array[] = []
  let failure: string | undefined
  try {
    for (const part of parts) {
      if (reader.done) reader.surplus = true
      else pieces.push(reader.push(Buffer.from(part)) ?? new Uint8Array())
    }
    reader.end()
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    failure = error.code
  }
  const body = Buffer.concat(pieces).toString('latin1')
  return { status: reader.head?.status, body, done: reader.done, surplus: reader.surplus, failure }
}

const readText = (text: string): Seen => read([Buffer.from(text, 'latin1')])

const splitAt = (bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] => {
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b)
  return at.slice(1).flatMap((end, index) => (at[index] === end ? [] : [bytes.slice(at[index], end)]))
}

const headText = fc
  .array(
    fc.tuple(
      fc.stringMatching(/^x-[a-z0-9]{1,12}$/),
      fc.stringMatching(/^[ -~]{0,40}$/),
      fc.constantFrom('', ' ', '\t', '  '),
    ),
    { maxLength: 6 },
  )
  .map((fields) => fields.map(([name, value, blank]) => `${name}:${blank}${value}\r\n`).join(''))

const bodyText = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('latin1'))

const chunkedText = fc
  .tuple(
    fc.array(fc.tuple(bodyText, fc.constantFrom('', ';a=b', ' ; q="x;y"', ' ')), { maxLength: 8 }),
    fc.constantFrom('', 'x-sum: 1\r\n', 'a: b\r\nc: d\r\n'),
    fc.boolean(),
  )
  .map(([chunks, trailers, upper]) => {
    const filled = chunks.filter(([data]) => data !== '')
    const size = (data: string) =>
      upper ? data.length.toString(16).toUpperCase() : `0${data.length.toString(16)}`
    return {
      body: filled.map(([data]) => data).join(''),
      wire: `${filled.map(([data, more]) => `${size(data)}${more}\r\n${data}\r\n`).join('')}0\r\n${trailers}\r\n`,
    }
  })

const response = fc.oneof(
  fc.tuple(headText, bodyText).map(([head, body]) => ({
    body,
    wire: `HTTP/1.1 200 OK\r\n${head}content-length: ${body.length}\r\n\r\n${body}`,
  })),
  fc.tuple(headText, chunkedText).map(([head, { body, wire }]) => ({
    body,
    wire: `HTTP/1.1 200 \r\n${head}Transfer-Encoding: Chunked\r\n\r\n${wire}`,
  })),
  fc.tuple(headText, bodyText).map(([head, body]) => ({
    body,
    wire: `HTTP/1.0 200\r\n${head}\r\n${body}`,
  })),
  fc.tuple(headText, bodyText).map(([head, body]) => ({
    body,
    wire: `HTTP/1.1 103 Hints\r\n${head}\r\nHTTP/1.1 100 Go\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  })),
)

describe('a response', () => {
  test('reads the same at every split', () => {
    fc.assert(
      fc.property(response, fc.array(fc.nat(), { maxLength: 12 }), ({ body, wire }, cuts) => {
        const bytes = Buffer.from(wire, 'latin1')
        const whole = { status: 200, body, done: true, surplus: false, failure: undefined }
        expect(read([bytes])).toEqual(whole)
        expect(read(splitAt(bytes, cuts))).toEqual(whole)
        expect(read([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(whole)
      }),
      { numRuns },
    )
  })

  test('of arbitrary bytes throws nothing but a Failure', () => {
    const start = fc.constantFrom(
      '',
      'HTTP/1.1 200 OK\r\n',
      'HTTP/1.1 200 OK\r\ncontent-length: ',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n',
      'HTTP/1.1 100 Continue\r\n\r\n',
    )
    const junk = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
      fc.string({
        unit: fc.constantFrom('\r', '\n', ':', ' ', '0', 'f', ';', 'a', '\0', '\xff'),
        maxLength: 60,
      }),
    )
    fc.assert(
      fc.property(start, junk, fc.array(fc.nat(), { maxLength: 6 }), (head, tail, cuts) => {
        const bytes = Buffer.from(head + tail, 'latin1')
        const whole = read([bytes])
        const split = read(splitAt(bytes, cuts))
        expect(split.failure).toBe(whole.failure)
        expect(split.done).toBe(whole.done)
        if (whole.failure === undefined) expect(split).toEqual(whole)
      }),
      { numRuns },
    )
  })

  test('that is cut anywhere before its end is never taken for a whole one', () => {
    fc.assert(
      fc.property(response, fc.nat(), ({ wire }, at) => {
        if (wire.startsWith('HTTP/1.0')) return
        const bytes = Buffer.from(wire, 'latin1')
        expect(read([bytes.subarray(0, at % bytes.length)]).failure).toBe('upstream_cut')
      }),
      { numRuns },
    )
  })

  test.each([204, 304])('with status %d has no body, whatever its headers say', (status) => {
    const seen = readText(`HTTP/1.1 ${status} X\r\ncontent-length: 5\r\n\r\n`)
    expect(seen).toMatchObject({ status, body: '', done: true, failure: undefined })
  })

  test.each([
    ['that is no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
    ['of HTTP/2', 'HTTP/2 200\r\n\r\n'],
    ['with a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
    ['with a folded header', 'HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n'],
    ['with a blank before the colon', 'HTTP/1.1 200 OK\r\ncontent-length : 5\r\n\r\nhello'],
    ['with a header without a name', 'HTTP/1.1 200 OK\r\n: b\r\n\r\n'],
    ['with a bare line feed in its head', 'HTTP/1.1 200 OK\r\na: b\nc: d\r\n\r\n'],
    ['with a bare carriage return in its head', 'HTTP/1.1 200 OK\r\na: b\rc\r\n\r\n'],
    ['with a zero byte in its head', 'HTTP/1.1 200 OK\r\na: \0\r\n\r\n'],
    ['with two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!'],
    ['with one length twice', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\nContent-Length: 5\r\n\r\nhello'],
    ['with a negative length', 'HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nhello'],
    ['with a length beyond all numbers', `HTTP/1.1 200 OK\r\ncontent-length: ${'9'.repeat(20)}\r\n\r\n`],
    [
      'with length and chunks',
      'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['with an unknown transfer-encoding', 'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n'],
    ['that switches protocols', 'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n'],
    ['with a chunk without a size', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\r\n'],
    [
      'with a chunk longer than its size',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhello\r\n',
    ],
    ['with a huge chunk size', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffff\r\n'],
    [
      'with a chunk size ended by a line feed',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\nhello\r\n',
    ],
  ])('%s is refused', (_name, wire) => {
    expect(readText(wire).failure).toBe('upstream_invalid')
  })

  test('whose head passes 64 KiB is refused, whole or byte by byte, interim heads counted in', () => {
    const long = `HTTP/1.1 200 OK\r\n${'a: b\r\n'.repeat(12_000)}\r\n`
    expect(readText(long).failure).toBe('upstream_invalid')
    expect(readText(long.slice(0, 65_537)).failure).toBe('upstream_invalid')
    expect(readText('HTTP/1.1 100 Continue\r\n\r\n'.repeat(4000)).failure).toBe('upstream_invalid')
    const bytes = Buffer.from(long, 'latin1')
    expect(
      read(
        splitAt(
          bytes,
          Array.from({ length: 400 }, (_, at) => at * 170),
        ),
      ).failure,
    ).toBe('upstream_invalid')
  })

  test('whose head is just below 64 KiB is read', () => {
    const head = `HTTP/1.1 200 OK\r\n${'a: b\r\n'.repeat(10_900)}content-length: 0\r\n\r\n`
    expect(readText(head)).toMatchObject({ status: 200, done: true, failure: undefined })
  })

  test('with trailers or extensions without end is refused', () => {
    const start = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'
    expect(readText(`${start}0\r\n${'a: b\r\n'.repeat(20_000)}`).failure).toBe('upstream_invalid')
    expect(readText(`${start}5;${'a'.repeat(70_000)}`).failure).toBe('upstream_invalid')
  })

  test('with an extension on every chunk is read, however many there are', () => {
    const start = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'
    const chunk = `5;signature=${'a'.repeat(100)}\r\nhello\r\n`
    const seen = readText(`${start}${chunk.repeat(1000)}0\r\n\r\n`)
    expect(seen).toMatchObject({ body: 'hello'.repeat(1000), done: true, failure: undefined })
  })

  test('followed by more bytes says so', () => {
    expect(readText('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhiHTTP/1.1').surplus).toBe(true)
    expect(readText('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nx').surplus).toBe(true)
    expect(readText('HTTP/1.1 204 No Content\r\n\r\nx').surplus).toBe(true)
  })

  test('finds headers whatever their case, joins those of one name, and takes no value for a name', () => {
    const reader = new ResponseReader()
    reader.push(
      Buffer.from(
        'HTTP/1.1 200 OK\r\nX-A: one \r\nb: x-c: no\r\nx-a:two\r\nEmpty:\r\ncontent-length: 0\r\n\r\n',
      ),
    )
    expect(reader.head?.header('x-a')).toBe('one, two')
    expect(reader.head?.header('empty')).toBe('')
    expect(reader.head?.header('x-c')).toBeUndefined()
  })

  test.each([
    ['HTTP/1.1 200 OK', true, undefined],
    ['HTTP/1.1 200 OK\r\nconnection: Keep-Alive, Close', false, undefined],
    ['HTTP/1.1 200 OK\r\nkeep-alive: timeout=5, max=100', true, 5000],
    ['HTTP/1.0 200 OK\r\nconnection: keep-alive', false, undefined],
  ])('%j says whether the connection may be kept', (head, keepAlive, idleMs) => {
    const reader = new ResponseReader()
    reader.push(Buffer.from(`${head}\r\n\r\n`))
    expect(reader.head).toMatchObject({ keepAlive, idleMs })
  })
})
