import type { FrameReader } from './event.ts'
import type { Dialect, Operation } from './operation.ts'
import type { Place } from './place.ts'
import type { ModelRequest, Sampling } from './request.ts'
import type { Send, UpstreamReply } from './send.ts'
import type { Stop } from './stop.ts'
import type { Failure } from './failure.ts'

/** A row of `models`, resolved to what a backend needs to know. */
export interface Target {
  readonly row: string
  readonly backend: string
  /** The model's name at the backend. */
  readonly model: string
  /** What this row adds to each call (own behaviour per alias). */
  readonly behaviour: Behaviour
}

export interface Behaviour {
  /** Put before the client's own system text. */
  readonly system?: string
  /** Added to the client's stop sequences. */
  readonly stop?: readonly string[]
  /** Used where the client says nothing. */
  readonly defaults?: Sampling
  /** Upper bounds, whatever the client says. */
  readonly limits?: { readonly maxOutputTokens?: number }
  /** Tokens that one call may use, for engines that are told so with each call; 0: as many as it was trained with. */
  readonly context?: number
  /** How its vendor wants this model to be asked; left out, as its backend says. */
  readonly api?: 'chat' | 'responses'
  /** Extra body fields for this backend, where the client says nothing (`chat_template_kwargs` …). */
  readonly extra?: Readonly<Record<string, unknown>>
}

/** Where to reach the model just now. Managed engines start or load here, and wait in their queue. */
export interface Opening {
  /** Base URL, without a trailing slash. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** The engine may not be unloaded while this is open. Idempotent. */
  close(): void
}

export interface Outgoing {
  /** Path under the base URL, with its query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  /** The upstream is asked to stream. */
  readonly stream: boolean
  readonly dialect: Dialect
  /** Fields that the backend cannot honour: named to the client in `x-inhouse-warning`. */
  readonly warnings: readonly string[]
  /** The answer will not be in the form that the client asked for: encode its events, never hand its bytes on. */
  readonly mustEncode?: boolean
}

/** Our own engines, as the `managed` backend sees them: starts or loads the row's model, or waits its turn. */
export interface EngineOpener {
  /** The opening's `url` is the engine's root, without `/v1`. */
  open(row: string, signal: AbortSignal): Promise<Opening> | Opening
  /** How the row's engine wants to be asked; undefined where it is not run here, or not yet. */
  speaks?(row: string): Speaks | undefined
  /** How many calls the row's engine answers at once; undefined where it is not run here, or not yet. */
  slotsOf?(row: string): number | undefined
}

/** What a call must know of the engine that will answer it. */
export interface Speaks {
  /** The id of its preset: whose dialect and quirks it has (`llama-server`, `vllm`, `ollama` …). */
  readonly preset: string
  /** What it calls the model, where that is not the name of the row. */
  readonly model?: string
  /** Body fields that choose this row's adapter. */
  readonly extra?: Readonly<Record<string, unknown>>
  /** Tokens that one call may use, where it is told so with each call; 0: as many as it was trained with. */
  readonly context?: number
}

/** An egress adapter: what an engine or a cloud speaks. Pure but for `open`; one file each. */
export interface Backend {
  readonly name: string
  readonly kind: string
  readonly place: Place
  readonly send: Send
  /** Calls at once; more wait in a bounded queue. */
  readonly concurrency: number
  /** Where each row of `models` runs by itself: its own calls at once, in a line of its own. */
  readonly concurrencyOf?: (row: string) => number
  readonly operations: readonly Operation[]
  /** Somebody watches whether its engines live: an error that one answers says nothing against it. */
  readonly isWatched?: true
  open(target: Target, signal: Stop): Promise<Opening> | Opening
  /** Small bodies at once, large ones in turns. Throws or rejects with `Failure('unsupported')` for what can neither be done nor be dropped with a warning. */
  outgoing(request: ModelRequest, target: Target): Outgoing | Promise<Outgoing>
  /** A reader for a streamed body, or one frame for a whole one. */
  reader(outgoing: Outgoing, reply: UpstreamReply): FrameReader
  /** What a non-2xx reply means; keeps the upstream's own body in `facts` for an answer in the same dialect. */
  failure(outgoing: Outgoing, status: number, retryAfter: string | undefined, body: Uint8Array): Failure
  /** A request that costs nothing and runs no model; undefined where there is none. */
  readonly probe: { readonly path: string } | undefined
}
