import type { FinishReason } from '../../core/event.ts'
import type { Ask, Call } from './cases.ts'

/** What a client understood of an answer. */
export interface Heard {
  readonly text: string
  readonly reasoning: string
  readonly refusal: string
  readonly calls: readonly Omit<Call, 'id'>[]
  readonly finish: FinishReason
  /** `cached` is undefined where the dialect has no word for it. */
  readonly usage:
    | { readonly input: number; readonly cached: number | undefined; readonly output: number }
    | undefined
}

/** How many pieces of text came one by one; for streams. */
export type OnPiece = (text: string) => void

/** A dialect's own client, as its users have it. */
export interface ContractClient {
  /** Id of the surface that it asks. */
  readonly surface: string
  whole(ask: Ask): Promise<Heard>
  /** Rejects when the stream says that it failed. */
  stream(ask: Ask, onPiece: OnPiece, signal: AbortSignal): Promise<Heard>
  /** What the client's library throws for an error that it understood. */
  isFailure(thrown: unknown): boolean
}

export interface ClientParts {
  readonly url: string
  readonly key: string
  readonly model: string
}
