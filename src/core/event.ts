import type { FailureCode, Facts } from './failure.ts'
import type { Dialect } from './operation.ts'
import type { Usage } from './usage.ts'

export const finishReasons = ['stop', 'length', 'tool-calls', 'refusal', 'other'] as const
export type FinishReason = (typeof finishReasons)[number]

/**
 * The one union that every dialect is read into and written from. A whole answer is a fold of the same events.
 * `choice` counts parallel answers (OpenAI's `n`); left out it is 0. `end` is always last, and comes exactly once.
 */
export type ModelEvent =
  | { readonly type: 'start'; readonly id?: string; readonly model?: string; readonly created?: number }
  | { readonly type: 'text'; readonly text: string; readonly choice?: number }
  | {
      readonly type: 'reasoning'
      readonly text: string
      /** Proof of origin that must travel back unchanged on the next turn (Anthropic's thinking signature). */
      readonly signature?: string
      readonly choice?: number
    }
  | { readonly type: 'refusal'; readonly text: string; readonly choice?: number }
  /** A tool call begins; `index` counts the calls of this choice. */
  | {
      readonly type: 'tool-call'
      readonly index: number
      readonly id: string
      readonly name: string
      readonly choice?: number
    }
  /** A piece of a call's arguments, as JSON text. */
  | { readonly type: 'tool-input'; readonly index: number; readonly json: string; readonly choice?: number }
  /** A piece of the answer that only its own dialect has a word for (an encrypted thought, a citation, a server's own tool). */
  | {
      readonly type: 'opaque'
      readonly dialect: Dialect
      readonly value: unknown
      readonly choice?: number
    }
  | { readonly type: 'logprobs'; readonly logprobs: unknown; readonly choice?: number }
  /** One vector: numbers, or the base64 of little-endian float32 as the upstream sent it. */
  | { readonly type: 'embedding'; readonly index: number; readonly vector: readonly number[] | string }
  /** How well one document answers a query (rerank); `index` is its place in the request. */
  | { readonly type: 'score'; readonly index: number; readonly score: number }
  /** A text as the ids of its tokens (`count` of a raw text). */
  | { readonly type: 'tokens'; readonly tokens: readonly number[] }
  | { readonly type: 'usage'; readonly usage: Usage }
  /** Engine-reported times of this call, milliseconds. */
  | {
      readonly type: 'timing'
      readonly prefillMs?: number
      readonly decodeMs?: number
      readonly queueMs?: number
      /** Loading the model before the prefill began. */
      readonly loadMs?: number
    }
  | {
      readonly type: 'finish'
      readonly reason: FinishReason
      readonly stopSequence?: string
      readonly choice?: number
    }
  /** Top-level fields that the words above do not cover, kept for an answer in the same dialect. */
  | { readonly type: 'rest'; readonly fields: Readonly<Record<string, unknown>> }
  | { readonly type: 'failure'; readonly code: FailureCode; readonly facts: Facts }
  | { readonly type: 'end' }

/**
 * A piece of an upstream's body with what it means. All frames' bytes joined are the decoded body, byte for byte.
 * `events()` decodes on the first call and remembers.
 */
export interface Frame {
  readonly bytes: Uint8Array
  events(): readonly ModelEvent[]
}

/** Bytes in at any split, frames out. Throws `Failure('upstream_invalid')` on bytes that are not its dialect. */
export interface FrameReader {
  /** What came is a stream of events; false: one whole body. Not what was asked for, but what came. */
  readonly isStream: boolean
  push(bytes: Uint8Array): readonly Frame[]
  /** The body has ended: what was left over, as frames. */
  end(): readonly Frame[]
}
