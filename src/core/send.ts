import { Failure } from './failure.ts'
import type { Label } from './label.ts'
import type { Place } from './place.ts'
import type { Stop } from './stop.ts'

/** One HTTP call to an upstream. */
export interface UpstreamCall {
  readonly method: 'GET' | 'POST'
  /** Absolute, http or https. */
  readonly url: string
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  /** Fires when nobody waits any more: the socket is closed at once, before or after the first byte. */
  readonly signal: Stop
  readonly connectTimeoutMs: number
}

export interface UpstreamReply {
  readonly status: number
  /** A response header by its lower-case name. */
  header(name: string): string | undefined
  readonly body: ByteSource
}

/** A body read in pieces. Content and transfer encodings are already undone. */
export interface ByteSource {
  /** The next piece; undefined at the end. Rejects with `Failure` when the connection breaks or the signal fires. */
  read(): Promise<Uint8Array | undefined>
  /** All of it, joined. Rejects with `Failure('upstream_too_large')` past the limit. */
  all(limitBytes: number): Promise<Uint8Array>
  /** Stop reading and free the connection. Idempotent. */
  cancel(): void
}

/** An answer that goes past its limit, however it was read. */
export const answerTooLarge = (limitBytes: number): Failure =>
  new Failure('upstream_too_large', `The upstream’s answer is longer than ${limitBytes} bytes.`)

/** A transport: opens sockets. Only the door holds one. */
export type Transport = (call: UpstreamCall) => Promise<UpstreamReply>

/** What a backend is given instead of a socket: the door, already told where it leads. */
export type Send = (call: UpstreamCall, label: Label) => Promise<UpstreamReply>

/** The one door out. Unknown places are third parties; a label above the place's clearance does not pass. */
export interface Door {
  sendTo(place: Place): Send
}
