import type { Frame, ModelEvent } from './event.ts'
import type { Failure } from './failure.ts'
import type { JsonText } from './json.ts'
import type { Dialect, Operation } from './operation.ts'
import type { ModelRequest } from './request.ts'

/** Writes events as the bytes of a stream in one dialect. Stateful: one per answer. */
export interface StreamWriter {
  /** May be empty when an event has no face in this dialect. */
  write(event: ModelEvent): Uint8Array | string
}

export interface AnswerFacts {
  readonly requestId: string
  /** Seconds since the epoch. */
  readonly created: number
  readonly request: ModelRequest
  /** Milliseconds since the call came in, for dialects that tell durations. */
  readonly tookMs?: () => number
}

/** An ingress dialect: what clients speak. Pure; one file each. */
export interface Surface {
  readonly id: string
  readonly operation: Operation
  readonly dialect: Dialect
  /** Paths under the root, POST. */
  readonly paths: readonly string[]
  readonly contentType: { readonly stream: string; readonly whole: string }
  /** Throws `Failure('bad_request')` with `param`. `headers` reads a request header by its lower-case name. */
  parse(body: JsonText, headers: (name: string) => string | undefined): ModelRequest
  /** A whole answer from all its events. */
  whole(events: readonly ModelEvent[], facts: AnswerFacts): Uint8Array | string
  /** A streamed answer, event by event; `failure` becomes the dialect's in-stream error, `end` its terminator. */
  stream(facts: AnswerFacts): StreamWriter
  /** True for a same-dialect frame that exists only because we asked for usage. */
  isUsageOnly(frame: Frame): boolean
  /** The answer header beside `x-request-id` where clients of this dialect look for the id. */
  readonly idHeader?: string
  /** A comment or ping that clients of this dialect skip. */
  readonly heartbeat: string
  /** The status of an error, where the dialect has its own for it; left out: the failure's. */
  readonly status?: (failure: Failure) => number
  /** The dialect's error body. */
  readonly error: (failure: Failure, requestId: string) => string
}
